import Foundation
import Testing

/// How much is tried: a little in `make test`, everything in `make faults`.
enum Extent {
    static let isFull = ProcessInfo.processInfo.environment["TESSERA_FAULTS"] == "all"

    static func pick<Value>(_ short: Value, full: Value) -> Value { isFull ? full : short }

    /// The seed of the random moments; another one with TESSERA_FAULT_SEED.
    static let seed = ProcessInfo.processInfo.environment["TESSERA_FAULT_SEED"].flatMap(UInt64.init) ?? 1

    static let isRoot = geteuid() == 0
}

/// SplitMix64.
struct Chance: RandomNumberGenerator {
    var state = Extent.seed

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
        return z ^ z >> 31
    }
}

struct Trouble: Error, CustomStringConvertible {
    var description: String
}

/// A folder that goes when the test ends.
final class Scratch {
    let root: URL

    init() throws {
        root = FileManager.default.temporaryDirectory.appending(path: "tessera-fault-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: root) }

    func path(_ name: String) -> String { root.appending(path: name).path }
}

/// A program that runs until it is told otherwise; killed with its owner.
final class Daemon {
    let process = Process()
    let log: String
    private static let binaries = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()

    /// - Parameter namespace: The network namespace to run in; nil for ours.
    init(_ program: String, _ arguments: [String], namespace: String? = nil, log: String, input: Pipe? = nil) throws {
        let built = Self.binaries.appending(path: program).path
        let command = (FileManager.default.isExecutableFile(atPath: built) ? [built] : ["/usr/bin/env", program])
        let words = (namespace.map { ["/usr/bin/env", "ip", "netns", "exec", $0] } ?? []) + command + arguments
        process.executableURL = URL(filePath: words[0])
        process.arguments = Array(words.dropFirst())
        self.log = log
        if !FileManager.default.fileExists(atPath: log) { try Data().write(to: URL(filePath: log)) }
        let output = try FileHandle(forWritingTo: URL(filePath: log))
        try output.seekToEnd()
        process.standardOutput = output
        process.standardError = output
        process.standardInput = input ?? FileHandle.nullDevice
        var environment = ProcessInfo.processInfo.environment
        environment["XDG_STATE_HOME"] = (log as NSString).deletingLastPathComponent
        environment["XDG_CACHE_HOME"] = (log as NSString).deletingLastPathComponent
        process.environment = environment
        try process.run()
    }

    deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

    func signal(_ number: Int32) { kill(process.processIdentifier, number) }

    /// Kill it as a power cut would, and wait until it is gone.
    func crash() {
        signal(SIGKILL)
        process.waitUntilExit()
    }

    var text: String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }

    /// Wait for its end.
    func end(within limit: Duration) throws -> Int32 {
        try until("\(log) to end", limit) { !process.isRunning }
        return process.terminationStatus
    }

    static func run(
        _ program: String, _ arguments: [String], namespace: String? = nil, in scratch: Scratch
    ) throws -> (status: Int32, output: String) {
        let daemon = try Daemon(
            program, arguments, namespace: namespace, log: scratch.path("run-\(UUID().uuidString).log"))
        daemon.process.waitUntilExit()
        return (daemon.process.terminationStatus, daemon.text)
    }

    @discardableResult
    static func succeed(
        _ program: String, _ arguments: [String], namespace: String? = nil, in scratch: Scratch
    ) throws -> String {
        let (status, output) = try run(program, arguments, namespace: namespace, in: scratch)
        try #require(status == 0, "\(program) \(arguments.joined(separator: " ")): \(output)")
        return output
    }
}

/// Look again and again until something holds.
func until(_ what: String, _ limit: Duration = .seconds(300), _ condition: () throws -> Bool) throws {
    let deadline = ContinuousClock.now + limit
    while try !condition() {
        guard ContinuousClock.now < deadline else { throw Trouble(description: "waited in vain for \(what)") }
        usleep(20_000)
    }
}

/// A rendering that is quick, and long enough to be disturbed.
struct Picture {
    var seed = 7
    var levels = 2
    var steps = Extent.pick(6, full: 24)
    /// Longitude and latitude well inside of tile corners of zoom 9.
    var box = "--bbox=7.041,45.101,9.107,46.009"

    func arguments() throws -> [String] {
        let folder = try #require(
            ProcessInfo.processInfo.environment["TESSERA_REFERENCE"],
            "TESSERA_REFERENCE is not set: run the tests through `make test` or `make faults`")
        return [
            box, "--levels", "\(levels)", "--seed", "\(seed)", "--sampler", "ddim", "--steps", "\(steps)", "--model",
            folder + "/small/model.safetensors",
        ]
    }

    func render(to out: String, workers: Int = 2) throws -> [String] {
        ["render", "--out", out, "--workers", "\(workers)", "--batch", "1", "--threads", "1", "--json"]
            + (try arguments())
    }
}

/// Everything stored in a mosaic, tile by tile, as the bytes on disk.
func storedTiles(_ mosaic: String, in scratch: Scratch) throws -> [String: String] {
    var tiles: [String: String] = [:]
    let root = mosaic + "/levels"
    for level in try FileManager.default.contentsOfDirectory(atPath: root).sorted() where Int(level) != nil {
        for file in try FileManager.default.contentsOfDirectory(atPath: "\(root)/\(level)")
        where file.hasSuffix(".mbtiles") {
            let rows = try Daemon.succeed(
                "sqlite3",
                [
                    "\(root)/\(level)/\(file)",
                    "SELECT zoom_level, tile_column, tile_row, done, hex(tile_data) FROM progress NATURAL JOIN tiles",
                ], in: scratch)
            for row in rows.split(separator: "\n") {
                let fields = row.split(separator: "|", maxSplits: 3)
                tiles["level \(level), \(fields[0])/\(fields[1])/\(fields[2])"] = String(fields[3])
            }
        }
    }
    return tiles
}

/// Pictures rendered without any disturbance, once each.
enum Undisturbed {
    private nonisolated(unsafe) static var known: [Int: [String: String]] = [:]
    private static let lock = NSLock()

    static func tiles(_ picture: Picture, in scratch: Scratch) throws -> [String: String] {
        try lock.withLock {
            if let tiles = known[picture.seed] { return tiles }
            let out = scratch.path("undisturbed-\(picture.seed)")
            try Daemon.succeed("tessera", picture.render(to: out), in: scratch)
            let tiles = try storedTiles(out, in: scratch)
            try #require(tiles.count > 20)
            known[picture.seed] = tiles
            return tiles
        }
    }
}

/// The names of tiles that two mosaics do not share byte for byte.
func differences(_ a: [String: String], _ b: [String: String]) -> [String] {
    Set(a.keys).union(b.keys).filter { a[$0] != b[$0] }.sorted()
}
