import Foundation
import Testing

/// A command's outcome.
struct Outcome {
    var status: Int32
    var output: String
    var errors: String
}

/// Runs the built commands as a user would.
enum Tessera {
    /// The folder that the commands were built into: that of the running test bundle.
    static let binaries = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()

    static func process(_ arguments: [String], command: String = "tessera") -> Process {
        let process = Process()
        let installed = binaries.appending(path: command)
        process.executableURL =
            FileManager.default.isExecutableFile(atPath: installed.path) ? installed : URL(filePath: "/usr/bin/\(command)")
        process.arguments = arguments
        return process
    }

    /// Run to the end; output goes through files, so that no pipe can fill up.
    static func run(_ arguments: [String], command: String = "tessera", environment: [String: String] = [:]) throws
        -> Outcome
    {
        let process = process(arguments, command: command)
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let folder = try Scratch()
        let streams = try ["out", "err"].map { name in
            let url = folder.url(name)
            try Data().write(to: url)
            return (url, try FileHandle(forWritingTo: url))
        }
        process.standardOutput = streams[0].1
        process.standardError = streams[1].1
        process.standardInput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        let texts = try streams.map { String(decoding: try Data(contentsOf: $0.0), as: UTF8.self) }
        return Outcome(status: process.terminationStatus, output: texts[0], errors: texts[1])
    }

    /// Run and require success.
    @discardableResult
    static func succeed(_ arguments: [String], command: String = "tessera") throws -> String {
        let outcome = try run(arguments, command: command)
        try #require(outcome.status == 0, "\(command) \(arguments.joined(separator: " ")): \(outcome.errors)")
        return outcome.output
    }
}

/// A folder that goes when the test ends.
final class Scratch {
    let root: URL

    init() throws {
        root = FileManager.default.temporaryDirectory.appending(path: "tessera-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: root) }

    func url(_ name: String) -> URL { root.appending(path: name) }

    func path(_ name: String) -> String { url(name).path }
}

/// Fixtures that `make reference` wrote.
enum Reference {
    static func path(_ name: String) throws -> String {
        let folder = try #require(
            ProcessInfo.processInfo.environment["TESSERA_REFERENCE"],
            "TESSERA_REFERENCE is not set: run `make reference`, or the tests through `make test`")
        let path = folder + "/" + name
        try #require(FileManager.default.fileExists(atPath: path), "\(path) is missing: run `make reference`")
        return path
    }
}
