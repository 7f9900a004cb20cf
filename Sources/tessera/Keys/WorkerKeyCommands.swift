import ArgumentParser
import Foundation
import Monitor
import Wire

/// Where the list of allowed keys is: at a coordinator, or in a file.
struct AllowListOptions: ParsableArguments {
    @OptionGroup var client: ClientOptions

    @Option(
        help: ArgumentHelp(
            "Change this list (as given to serve --allow) instead of asking a coordinator; one that runs notices.",
            valueName: "file"))
    var file: String?

    func list() throws -> AllowList? { try file.map { try AllowList(URL(filePath: $0)) } }
}

struct AllowWorkerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "allow", abstract: "Let workers with a key in.",
        discussion: """
            At once, and after every restart of the coordinator.

            Examples:
              tessera workers allow keys/worker.public --name rack-3
              tessera workers allow keys/worker.public --file mosaics/workers.allowed
            """)

    @OptionGroup var options: AllowListOptions

    @Argument(help: "The worker's public key, or its file.")
    var key: String

    @Option(help: "What to call it; the file's name by default.")
    var name: String?

    func run() throws {
        let key = try KeyFile.readPublic(key)
        let called = name ?? ((try? CurveKey(self.key)) == nil ? Self.stem(self.key) : "worker")
        if let list = try options.list() {
            try list.allow(key, name: called)
        } else {
            let _: WorkerKey = try options.client.client().post(
                "keys", WorkerKey(key: key.description, name: called))
        }
        print(
            options.client.json
                ? try JSONText.line(WorkerKey(key: key.description, name: called)) : "\(key) (\(called)) is allowed")
    }

    private static func stem(_ path: String) -> String {
        URL(filePath: path).deletingPathExtension().lastPathComponent
    }
}

struct RevokeWorkerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke", abstract: "Keep workers with a key out from now on.",
        discussion: """
            Those that are connected are cut off, and their windows go to others. What they have rendered stays: \
            `tessera verify` tells whether it is right.

            Example: tessera workers revoke keys/worker.public
            """)

    @OptionGroup var options: AllowListOptions

    @Argument(help: "The worker's public key, its file, or the name it was allowed under.")
    var key: String

    func run() throws {
        let list = try options.list()
        let known =
            try list.map { $0.entries.map { WorkerKey(key: $0.key, name: $0.name) } }
            ?? options.client.client().get("keys")
        let wanted = try Self.find(key, in: known)
        if let list {
            try list.revoke(wanted)
        } else {
            let _: WorkerKey = try options.client.client().post(
                "keys/revoke", WorkerKey(key: wanted.description, name: ""))
        }
        print(
            options.client.json
                ? try JSONText.line(WorkerKey(key: wanted.description, name: "")) : "\(wanted) is revoked")
    }

    private static func find(_ text: String, in known: [WorkerKey]) throws -> CurveKey {
        let named = known.filter { $0.name == text }
        guard named.count < 2 else {
            throw CommandError("\(named.count) keys are called \"\(text)\": give the key itself")
        }
        if let one = named.first { return try CurveKey(one.key) }
        let key = try KeyFile.readPublic(text)
        guard known.contains(where: { $0.key == key.description }) else {
            throw CommandError("\(key) is not allowed anyway; `tessera workers keys` lists the keys that are")
        }
        return key
    }
}

struct WorkerKeysCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys", abstract: "List the keys that are let in.",
        discussion: "Example: tessera workers keys --to http://127.0.0.1:8080")

    @OptionGroup var options: AllowListOptions

    func run() throws {
        let keys: [WorkerKey] =
            try options.list().map { $0.entries.map { WorkerKey(key: $0.key, name: $0.name) } }
            ?? options.client.client().get("keys")
        guard !options.client.json else { return print(try JSONText.line(keys)) }
        for key in keys { print("\(key.key)  \(key.name)") }
    }
}
