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

    @Option(help: "The coordinator's token, where it asks for one; or set TESSERA_TOKEN.")
    var token: String?

    @Flag(help: "Write JSON.")
    var json = false

    func validate() throws { _ = try url() }

    func client() throws -> APIClient {
        let kept = ProcessInfo.processInfo.environment["TESSERA_TOKEN"].flatMap { $0.isEmpty ? nil : $0 }
        return APIClient(root: try url(), token: token ?? kept)
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
