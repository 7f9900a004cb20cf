import Foundation
import HTTPTypes
import Hummingbird
import Logging

/// Turn errors into JSON, keep other sites out, and ask for the token where a request changes something.
///
/// A page of another site may make a browser send requests to a loopback address, by a name it has pointed there
/// (DNS rebinding) or by a cross-site POST. So a server on loopback answers to loopback names alone, and a request
/// that changes something must come from the same origin or from no page at all.
struct RequestGuard: RouterMiddleware {
    typealias Context = MonitorContext

    let host: String
    let isLoopback: Bool
    let token: String?
    /// Where the token is to be found, for those who lack it.
    let tokenHint: String
    let limiter: RateLimiter
    let logger: Logger

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        var response: Response
        do {
            try check(request, caller: context.caller)
            response = try await next(request, context)
        } catch {
            response = Self.response(for: error, path: request.uri.path)
            if response.status.code >= 500 {
                logger.error("\(request.method) \(request.uri.path): \(error)")
            }
        }
        response.headers[.xContentTypeOptions] = "nosniff"
        response.headers = response.headers.adding("Referrer-Policy", "no-referrer")
        return response
    }

    private func check(_ request: Request, caller: String) throws {
        let authority = request.head.authority ?? ""
        if isLoopback, !Self.loopbackNames.contains(Self.name(of: authority)), Self.name(of: authority) != host {
            throw HTTPError(
                .forbidden, message: "this server answers to loopback names only, not to \"\(authority)\"")
        }
        guard request.method != .get, request.method != .head else { return try limit(.read, caller) }
        if let origin = request.headers[.origin], origin != "http://\(authority)", origin != "https://\(authority)" {
            throw HTTPError(.forbidden, message: "requests from the origin \(origin) are refused")
        }
        if let token, !equalInConstantTime(request.headers[.authorization] ?? "", "Bearer \(token)") {
            try limit(.refused, caller)
            throw HTTPError(
                .unauthorized, headers: [.wwwAuthenticate: "Bearer"],
                message: "this needs the server's token (Authorization: Bearer TOKEN)\(tokenHint)")
        }
        try limit(.change, caller)
    }

    private func limit(_ kind: RateLimiter.Kind, _ caller: String) throws {
        guard let seconds = limiter.wait(kind, caller: caller) else { return }
        throw HTTPError(
            .tooManyRequests, headers: [.retryAfter: "\(seconds)"],
            message: "too many requests from \(caller): come back in \(seconds) s")
    }

    static let loopbackNames: Set<String> = ["localhost", "127.0.0.1", "[::1]", "::1"]

    /// Return the name of `name:port`.
    static func name(of authority: String) -> String {
        if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") { return String(authority[...end]) }
        return String(authority.prefix { $0 != ":" }).lowercased()
    }

    private static func response(for error: any Error, path: String) -> Response {
        var status = HTTPResponse.Status.internalServerError
        var headers = HTTPFields()
        var message = "\(error)"
        switch error {
        case let error as HTTPError:
            status = error.status
            headers = error.headers
            message = error.body ?? (status == .notFound ? "there is nothing at \(path)" : status.reasonPhrase)
        case let error as any HTTPResponseError:
            status = error.status
            message = status == .contentTooLarge ? "the body is too large" : status.reasonPhrase
        case MonitorError.notFound: status = .notFound
        case MonitorError.refused: status = .conflict
        default: break
        }
        return .json(APIError(status: status.code, message: message), status: status, headers: headers)
    }
}

extension HTTPFields {
    /// Return these fields with one more, of a name that has no constant.
    func adding(_ name: String, _ value: String) -> HTTPFields {
        guard let name = HTTPField.Name(name) else { return self }
        var fields = self
        fields[name] = value
        return fields
    }
}

extension Response {
    static func json(
        _ value: some Encodable, status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]
    ) -> Response {
        var headers = headers
        headers[.contentType] = "application/json; charset=utf-8"
        headers[.cacheControl] = "no-store"
        do {
            let data = try APICoding.encoder().encode(value)
            return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: data)))
        } catch {
            let text = "{\"error\":{\"message\":\"the answer cannot be written as JSON\",\"status\":500}}"
            return Response(
                status: .internalServerError, headers: headers,
                body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
        }
    }
}
