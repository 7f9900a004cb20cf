import Canvas
import Coordinator
import Foundation
import HTTPTypes
import Hummingbird

/// `/api/v1` and `/healthz`.
struct APIRoutes {
    let source: any MonitorSource
    let queue: BlockingQueue
    let maximumBody: Int

    func add(to router: Router<MonitorContext>) {
        router.get("healthz") { _, _ in
            Response(
                status: .ok, headers: [.contentType: "text/plain; charset=utf-8", .cacheControl: "no-store"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: "ok\n")))
        }
        let api = router.group("api/v1")
        api.get("status") { _, _ in Response.json(source.status()) }
        api.get("jobs") { _, _ in Response.json(source.status().jobs) }
        api.post("jobs") { request, _ in try await submit(request) }
        api.get("jobs/{id}") { _, context in Response.json(try job(context)) }
        api.post("jobs/{id}/pause") { _, context in try change(context, source.pause) }
        api.post("jobs/{id}/resume") { _, context in try change(context, source.resume) }
        api.post("jobs/{id}/cancel") { _, context in try change(context, source.cancel) }
        api.post("jobs/{id}/retry") { _, context in try change(context, source.retry) }
        api.post("jobs/{id}/first") { request, context in
            let place: FirstRequest = try await body(of: request)
            let region: Region?
            do {
                region = try place.region()
            } catch let error as DecodingError {
                throw HTTPError(.badRequest, message: Self.explanation(error))
            }
            return try change(context) { id in
                do {
                    try source.prefer(region, of: id)
                } catch let error as CanvasError {
                    throw HTTPError(.unprocessableContent, message: "\(error)")
                }
            }
        }
        api.post("jobs/{id}/priority") { request, context in
            let order: PriorityRequest = try await body(of: request)
            return try change(context) { try source.setPriority(order.priority, of: $0) }
        }
        api.get("dump") { _, _ in
            let data = try await queue.run {
                try Redaction.redacted(json: APICoding.encoder().encode(source.dump()))
            }
            return Response(
                status: .ok, headers: [.contentType: "application/json; charset=utf-8", .cacheControl: "no-store"],
                body: ResponseBody(byteBuffer: ByteBuffer(bytes: data)))
        }
        api.get("workers") { _, _ in Response.json(source.status().workers) }
        api.post("workers/{id}/drain") { request, context in try await drain(request, context) }
        api.get("keys") { _, _ in Response.json(source.allowedKeys()) }
        api.post("keys") { request, _ in
            let key: WorkerKey = try await body(of: request)
            try await queue.run { try source.allow(key) }
            return Response.json(key, status: .created)
        }
        api.post("keys/revoke") { request, _ in
            let key: WorkerKey = try await body(of: request)
            try await queue.run { try source.revoke(key: key.key) }
            return Response.json(key)
        }
        api.get("events") { _, _ in EventStream(source: source).response() }
    }

    private func job(_ context: MonitorContext) throws -> JobStatus {
        let id = try context.parameters.require("id")
        guard let job = source.status().jobs.first(where: { $0.id == id }) else {
            throw MonitorError.notFound("there is no job \"\(id)\"")
        }
        return job
    }

    private func change(_ context: MonitorContext, _ action: (String) throws -> Void) throws -> Response {
        let id = try job(context).id
        try action(id)
        return .json(JobCreated(id: id))
    }

    private func submit(_ request: Request) async throws -> Response {
        let draft: JobDraft = try await body(of: request)
        let id: String
        do {
            id = try await queue.run { try source.submit(draft.request) }
        } catch let error as MonitorError {
            throw error
        } catch {
            throw HTTPError(.unprocessableContent, message: "\(error)")
        }
        return .json(JobCreated(id: id), status: .created, headers: [.location: "/api/v1/jobs/\(id)"])
    }

    private func drain(_ request: Request, _ context: MonitorContext) async throws -> Response {
        let text = try context.parameters.require("id")
        guard let id = UInt64(text) else {
            throw HTTPError(.badRequest, message: "a worker's id is a whole number, not \"\(text)\"")
        }
        guard source.status().workers.contains(where: { $0.id == id }) else {
            throw MonitorError.notFound("there is no worker \(id)")
        }
        let order: DrainRequest = try await body(of: request)
        try source.drain(worker: id, now: order.now, reason: order.reason)
        return .json(JobCreated(id: text))
    }

    private func body<Value: Decodable & Sendable>(of request: Request) async throws -> Value {
        let type = request.headers[.contentType] ?? ""
        guard type.lowercased().hasPrefix("application/json") else {
            throw HTTPError(
                .unsupportedMediaType, message: "send JSON, with Content-Type: application/json (not \"\(type)\")")
        }
        if let length = request.headers[.contentLength].flatMap(Int.init), length > maximumBody { throw tooLarge }
        let buffer: ByteBuffer
        do {
            buffer = try await request.body.collect(upTo: maximumBody)
        } catch {
            throw tooLarge
        }
        do {
            return try APICoding.decoder().decode(Value.self, from: Data(buffer.readableBytesView))
        } catch let error as DecodingError {
            throw HTTPError(.badRequest, message: Self.explanation(error))
        } catch {
            throw HTTPError(.badRequest, message: "\(error)")
        }
    }

    private var tooLarge: HTTPError {
        HTTPError(.contentTooLarge, message: "the body is larger than \(maximumBody) bytes")
    }

    private static func explanation(_ error: DecodingError) -> String {
        func place(_ context: DecodingError.Context) -> String {
            context.codingPath.isEmpty ? "the body" : context.codingPath.map(\.stringValue).joined(separator: ".")
        }
        switch error {
        case .typeMismatch(let type, let context): return "\(place(context)) should be of type \(type)"
        case .valueNotFound(_, let context): return "\(place(context)) is null"
        case .keyNotFound(let key, let context): return "\(place(context)) lacks \"\(key.stringValue)\""
        case .dataCorrupted(let context): return "\(place(context)): \(context.debugDescription)"
        @unknown default: return "\(error)"
        }
    }
}
