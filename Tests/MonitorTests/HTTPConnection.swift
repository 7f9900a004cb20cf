import Foundation
import Glibc

/// A socket that speaks HTTP/1.1 as plainly as can be, so that the tests see what is really on the line.
final class HTTPConnection {
    struct Reply {
        var status: Int
        /// Names in lower case.
        var headers: [String: String]
        var body: String
    }

    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    private let descriptor: Int32

    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw Failure(description: String(cString: strerror(errno))) }
    }

    deinit { close(descriptor) }

    func send(_ text: String) {
        let bytes = Array(text.utf8)
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count <= 0 { return }
            sent += count
        }
    }

    /// Read until `isEnough` says so, or the server closes.
    func read(until isEnough: (String) -> Bool = { _ in false }) -> String {
        var data: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let text = String(decoding: data, as: UTF8.self)
            if isEnough(text) { return text }
            let count = recv(descriptor, &chunk, chunk.count, 0)
            if count <= 0 { return text }
            data += chunk[..<count]
        }
    }

    /// Send one request, and read its reply to the end.
    static func request(
        port: Int, _ method: String, _ path: String, headers: [String: String] = [:], body: String? = nil
    ) throws -> Reply {
        let connection = try HTTPConnection(port: port)
        var all = ["Host": "127.0.0.1:\(port)", "Connection": "close"]
        if let body {
            all["Content-Length"] = "\(body.utf8.count)"
            all["Content-Type"] = "application/json"
        }
        all.merge(headers) { $1 }
        let head = all.map { "\($0): \($1)\r\n" }.joined()
        connection.send("\(method) \(path) HTTP/1.1\r\n\(head)\r\n\(body ?? "")")
        return try parse(connection.read())
    }

    private static func parse(_ text: String) throws -> Reply {
        guard let end = text.range(of: "\r\n\r\n") else { throw Failure(description: "no HTTP reply: \(text)") }
        let lines = text[..<end.lowerBound].components(separatedBy: "\r\n")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            headers[parts[0].lowercased()] = parts.last?.trimmingCharacters(in: .whitespaces)
        }
        let status = lines[0].split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        return Reply(status: status, headers: headers, body: String(text[end.upperBound...]))
    }
}
