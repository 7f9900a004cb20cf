import Foundation
import FoundationNetworking
import Monitor
import Synchronization

/// Speaks to a coordinator's HTTP interface; every call blocks, so call from a plain thread.
struct APIClient {
    let root: URL
    let token: String?

    func get<Value: Decodable>(_ path: String, _ type: Value.Type = Value.self) throws -> Value {
        try decode(send(path, method: "GET", body: nil))
    }

    /// Return an answer as it is.
    func data(_ path: String) throws -> Data { try send(path, method: "GET", body: nil) }

    @discardableResult
    func post<Value: Decodable>(_ path: String, _ body: some Encodable, _ type: Value.Type = Value.self) throws -> Value
    {
        try decode(send(path, method: "POST", body: APICoding.encoder().encode(body)))
    }

    private func decode<Value: Decodable>(_ data: Data) throws -> Value {
        do {
            return try APICoding.decoder().decode(Value.self, from: data)
        } catch {
            throw CommandError("\(root.absoluteString) answers, but not as a tessera coordinator of this version does")
        }
    }

    private func send(_ path: String, method: String, body: Data?) throws -> Data {
        var request = URLRequest(url: root.appending(path: "api/v1/\(path)"), timeoutInterval: 60)
        request.httpMethod = method
        if let body {
            request.httpBody = body
            request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        }
        if let token { request.setValue("Bearer \(token)", forHTTPHeaderField: "Authorization") }
        let outcome = Mutex<Result<(Data, Int), any Error>?>(nil)
        let finished = DispatchSemaphore(value: 0)
        let task = URLSession.shared.dataTask(with: request) { data, response, error in
            let status = (response as? HTTPURLResponse)?.statusCode
            outcome.withLock { outcome in
                outcome =
                    if let status { .success((data ?? Data(), status)) } else {
                        .failure(error ?? URLError(.badServerResponse))
                    }
            }
            finished.signal()
        }
        task.resume()
        finished.wait()
        switch outcome.withLock({ $0 }) {
        case .success((let data, let status))?:
            guard !(200..<300).contains(status) else { return data }
            let message = (try? APICoding.decoder().decode(APIError.self, from: data))?.error.message
            throw ServerRefusal(
                status: status, message: message ?? "\(root.absoluteString) answers with status \(status)")
        case .failure, nil:
            throw Unreachable(root: root)
        }
    }
}

/// An error that the coordinator answered.
struct ServerRefusal: Error, CustomStringConvertible {
    let status: Int
    let message: String

    var description: String {
        status == 401 ? "\(message) (--token-file, --token, or TESSERA_TOKEN in the environment)" : message
    }
}

/// No answer at all.
struct Unreachable: Error, CustomStringConvertible {
    let root: URL

    var description: String {
        "no coordinator answers at \(root.absoluteString): start one with `tessera serve --out DIR`, or give its "
            + "address with --to"
    }
}
