internal import Foundation

/// An address of the form tcp://host:port.
public struct Endpoint: Hashable, Sendable, CustomStringConvertible {
    public let host: String
    /// A port number, or nil for `*`, any free one (for binding only).
    public let port: UInt16?

    public init(host: String, port: UInt16?) {
        self.host = host
        self.port = port
    }

    /// Parse an endpoint; the scheme may be left out.
    ///
    /// - Throws: `EndpointError` for another scheme, an empty host or a port that is no number.
    public init(_ text: String) throws {
        var rest = Substring(text)
        if let scheme = text.range(of: "://") {
            guard text[..<scheme.lowerBound] == "tcp" else {
                throw EndpointError(text: text, problem: "only tcp:// is supported")
            }
            rest = text[scheme.upperBound...]
        }
        guard let colon = rest.lastIndex(of: ":") else {
            throw EndpointError(text: text, problem: "the port is missing")
        }
        let host = String(rest[..<colon])
        let port = rest[rest.index(after: colon)...]
        guard !host.isEmpty, !host.unicodeScalars.contains(where: { $0.isControl || $0 == " " || $0 == "/" }) else {
            throw EndpointError(text: text, problem: "the host is missing or not a name")
        }
        guard !host.contains(":") || (host.hasPrefix("[") && host.hasSuffix("]")) else {
            throw EndpointError(text: text, problem: "an IPv6 address stands in brackets")
        }
        if port == "*" || port == "0" {
            self.init(host: host, port: nil)
        } else if let number = UInt16(port) {
            self.init(host: host, port: number)
        } else {
            throw EndpointError(text: text, problem: "the port is not a number from 1 to 65535")
        }
    }

    public var description: String { "tcp://\(host):\(port.map(String.init) ?? "*")" }

    /// Whether only processes of this machine can reach the address.
    ///
    /// Names other than `localhost` are not looked up and count as not loopback.
    public var isLoopback: Bool {
        let bare = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
        if bare.lowercased() == "localhost" { return true }
        var four = in_addr()
        if inet_pton(AF_INET, bare, &four) == 1 { return UInt32(bigEndian: four.s_addr) >> 24 == 127 }
        var six = in6_addr()
        guard inet_pton(AF_INET6, bare, &six) == 1 else { return false }
        let bytes = withUnsafeBytes(of: six) { Array($0) }
        let zero = bytes.prefix(10).allSatisfy { $0 == 0 }
        let mapped = zero && bytes[10] == 255 && bytes[11] == 255 && bytes[12] == 127
        return mapped || (zero && bytes[10..<15].allSatisfy { $0 == 0 } && bytes[15] == 1)
    }

    var isIPv6: Bool { host.hasPrefix("[") }
}

/// A text that is no endpoint.
public struct EndpointError: Error, Hashable, CustomStringConvertible {
    public let text: String
    public let problem: String

    public var description: String {
        "endpoint \"\(text.legible(limit: 200))\": \(problem); it looks like tcp://127.0.0.1:5555"
    }
}
