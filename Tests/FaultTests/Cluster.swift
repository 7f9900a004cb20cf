import Foundation
import Testing

/// A coordinator and workers as processes of their own.
final class Cluster {
    let scratch: Scratch
    let out: String
    private(set) var coordinator: Daemon?
    private(set) var workers: [String: Daemon] = [:]
    /// More arguments of `serve` and of `worker`.
    var serveArguments: [String] = []
    var workerArguments: [String] = []
    var listen = "tcp://127.0.0.1:*"
    var namespace: String?
    private var starts = 0

    init() throws {
        scratch = try Scratch()
        out = scratch.path("mosaics")
    }

    private var address: String { scratch.path("address") }

    struct Listening: Decodable {
        var http: String
        var workers: String
    }

    private(set) var http = ""
    /// Where workers connect to.
    private(set) var endpoint = ""

    func start() throws {
        starts += 1
        let log = scratch.path("serve-\(starts).log")
        coordinator = try Daemon(
            "tessera",
            ["serve", "--out", out, "--listen", listen, "--http", "127.0.0.1:0", "--json", "--address-file", address]
                + serveArguments, namespace: namespace, log: log)
        try until("the coordinator to listen: \(log)", .seconds(60)) {
            guard let line = coordinator?.text.split(separator: "\n").first(where: { $0.contains("\"listening\"") }),
                let listening = try? JSONDecoder().decode(Listening.self, from: Data(line.utf8))
            else {
                guard coordinator?.process.isRunning == true else {
                    throw Trouble(description: "the coordinator ended: \(coordinator?.text ?? "")")
                }
                return false
            }
            http = listening.http
            endpoint = listening.workers
            return true
        }
    }

    func crash() { coordinator?.crash() }

    @discardableResult
    func worker(_ name: String, namespace: String? = nil) throws -> Daemon {
        let worker = try Daemon(
            "tessera-worker",
            [
                "--connect", "file:\(address)", "--name", name, "--batch", "1", "--patience", "0", "--verbose",
                "--cache", scratch.path("cache-\(name)"),
            ] + workerArguments, namespace: namespace, log: scratch.path("\(name).log"))
        workers[name] = worker
        return worker
    }

    @discardableResult
    func ask(_ arguments: [String]) throws -> String {
        try Daemon.succeed("tessera", arguments + ["--to", http], namespace: namespace, in: scratch)
    }

    func submit(_ picture: Picture) throws {
        try ask(["submit"] + picture.arguments())
    }

    struct Status: Decodable {
        struct Job: Decodable {
            struct Request: Decodable { var seed: Int }
            struct Progress: Decodable {
                struct Level: Decodable {
                    var done: Int
                    var failed: Int
                }
                var phase: String
                var levels: [Level]
                var done: Int { levels.reduce(0) { $0 + $1.done } }
            }
            var mosaic: String
            var request: Request
            var progress: Progress
            var error: String?
        }
        struct Worker: Decodable {
            var name: String
            var windowsDone: Int
        }
        var jobs: [Job]
        var workers: [Worker]
    }

    func status() throws -> Status {
        try JSONDecoder().decode(Status.self, from: Data(ask(["status", "--json"]).utf8))
    }

    func wait(_ what: String, _ limit: Duration = .seconds(600), _ condition: (Status) -> Bool) throws {
        try until(what, limit) {
            // Asking takes a process each time.
            usleep(200_000)
            return condition(try status())
        }
    }

    func waitUntilFinished() throws {
        try wait("all jobs to finish") { status in
            !status.jobs.isEmpty && status.jobs.allSatisfy { $0.progress.phase == "finished" }
        }
    }

    /// Compare every job's mosaic with one that nobody disturbed.
    func expectUndisturbed() throws {
        for job in try status().jobs {
            #expect(job.error == nil && job.progress.levels.allSatisfy { $0.failed == 0 })
            var picture = Picture()
            picture.seed = job.request.seed
            let expected = try Undisturbed.tiles(picture, in: scratch)
            let stored = try storedTiles(out + "/" + job.mosaic, in: scratch)
            #expect(differences(expected, stored) == [], "seed \(picture.seed)")
        }
    }
}
