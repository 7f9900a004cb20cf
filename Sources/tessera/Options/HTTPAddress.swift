import ArgumentParser

/// host:port, where HTTP is served.
struct HTTPAddress: ExpressibleByArgument, Equatable {
    let host: String
    let port: Int

    init(host: String, port: UInt16) {
        self.host = host
        self.port = Int(port)
    }

    init?(argument: String) {
        guard let colon = argument.lastIndex(of: ":") else { return nil }
        let host = String(argument[..<colon])
        guard let port = UInt16(argument[argument.index(after: colon)...]), !host.isEmpty else { return nil }
        self.host = host == "*" ? "0.0.0.0" : host
        self.port = Int(port)
    }

    /// The name without the brackets of an IPv6 address, as sockets want it.
    var bareHost: String { host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host }

    var isLoopback: Bool {
        if bareHost.lowercased() == "localhost" || bareHost == "::1" { return true }
        let bytes = bareHost.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        return bytes.count == 4 && bytes.allSatisfy { $0 != nil } && bytes[0] == 127
    }

    var defaultValueDescription: String { "\(host):\(port)" }
}
