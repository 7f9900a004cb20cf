import ArgumentParser
import Coordinator
import Foundation

/// Which coordinator to speak to.
struct ClientOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The coordinator's page; by default TESSERA_URL from the environment, or http://127.0.0.1:8080.",
            valueName: "url"))
    var to: String?

    @Option(help: "The coordinator's token; or set TESSERA_TOKEN. On the coordinator's machine it is found by itself.")
    var token: String?

    @Option(help: ArgumentHelp("A file that holds the token; or set TESSERA_TOKEN_FILE.", valueName: "file"))
    var tokenFile: String?

    @Flag(help: "Write JSON.")
    var json = false

    func validate() throws { _ = try url() }

    func client() throws -> APIClient {
        let root = try url()
        return APIClient(root: root, token: try token ?? Self.kept(tokenFile, root))
    }

    private static func kept(_ file: String?, _ root: URL) throws -> String? {
        func variable(_ name: String) -> String? {
            ProcessInfo.processInfo.environment[name].flatMap { $0.isEmpty ? nil : $0 }
        }
        if file == nil, let text = variable("TESSERA_TOKEN") { return text }
        if let path = file ?? variable("TESSERA_TOKEN_FILE") {
            return try AccessToken(reading: URL(filePath: path)).text
        }
        return AccessToken.noted(host: root.host ?? "", port: root.port ?? (root.scheme == "https" ? 443 : 80))
    }

    private func url() throws -> URL {
        var text = to ?? ProcessInfo.processInfo.environment["TESSERA_URL"] ?? "http://127.0.0.1:8080"
        if !text.contains("://") { text = "http://" + text }
        guard let url = URL(string: text), ["http", "https"].contains(url.scheme), url.host?.isEmpty == false else {
            throw ValidationError("--to \(text) is not an address such as http://127.0.0.1:8080.")
        }
        return url
    }
}

extension APIClient {
    func job(_ id: String) throws -> JobStatus { try get("jobs/\(id)") }
}
