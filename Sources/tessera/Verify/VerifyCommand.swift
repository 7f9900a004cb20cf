import ArgumentParser
import Canvas
import Coordinator
import Denoiser
import Fleet
import Foundation
import Pyramid
import Wire
import WorkerCommand

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Render a sample of a mosaic's windows again, elsewhere, and compare the bytes.",
        discussion: """
            First every file is tested against its checksums. Then new worker processes render the sampled windows from \
            the stored level below, and the map's tiles under them are made again; all must come out as they are stored. \
            The mosaic is only read. With --listen, workers of other machines do it (with --key, over CURVE).

            A difference means that a disk, a memory or a worker lied, or that these workers compute differently (another \
            numeric profile: `tessera workers` shows it). Exit status: 0 all equal, 1 not.

            Examples:
              tessera verify alps --sample 200
              tessera verify mosaics/3f2a90c1d4e7 --listen 'tcp://*:5556' --key coordinator.secret --allow workers.allowed
            """)

    @Argument(help: "The mosaic's folder.")
    var directory: String

    @Option(help: "Windows to render again.")
    var sample = 64

    @Option(help: "Chooses the windows; the same number, the same windows.")
    var seed: UInt64?

    @Option(help: "Worker processes on this machine; by default one a core, at most 16, and none with --listen.")
    var workers: Int?

    @Option(help: "Windows that a worker renders together.")
    var batch = 2

    @Option(help: ArgumentHelp("Let workers of other machines do it.", valueName: "tcp://host:port"))
    var listen: String?

    @Option(help: ArgumentHelp("The secret key to listen with.", valueName: "file"))
    var key: String?

    @Option(help: ArgumentHelp("The list of the workers' keys that are let in.", valueName: "file"))
    var allow: String?

    @Option(help: ArgumentHelp("The base raster, where it lies elsewhere now.", valueName: "file"))
    var base: String?

    @Option(help: ArgumentHelp("The model, where it lies elsewhere now.", valueName: "file"))
    var model: String?

    @Flag(help: "Write JSON.")
    var json = false

    struct Report: Encodable {
        var files: [String]
        var windows: Int
        var differing: [String]
        var failed: [String]
        var baseTiles: [String]
        var profiles: [String]
        var seed: UInt64
    }

    func validate() throws {
        guard sample >= 0 else { throw ValidationError("--sample is 0 or more windows, not \(sample).") }
        guard (1...64).contains(batch) else { throw ValidationError("--batch is 1 to 64 windows, not \(batch).") }
        guard (0...1024).contains(workers ?? 1), workers != 0 || listen != nil else {
            throw ValidationError("--workers is 1 to 1024, or 0 with --listen, not \(workers ?? 1).")
        }
        guard (key == nil) == (allow == nil) else { throw ValidationError("--key and --allow go together.") }
        guard let listen else { return }
        let endpoint: Endpoint
        do {
            endpoint = try Endpoint(listen)
        } catch {
            throw ValidationError("--listen \(listen): \(error).")
        }
        guard endpoint.isLoopback || key != nil else {
            throw ValidationError("--listen \(listen) can be reached from other machines: give --key and --allow.")
        }
        guard key == nil || (workers ?? 0) == 0 else {
            throw ValidationError("With --key the workers are those that connect: leave --workers out.")
        }
    }

    func run() throws {
        let interrupts = Interrupts()
        let verification = try Verification(directory: URL(filePath: directory), base: base, model: model)
        let damaged = try verification.mosaic.damaged + verification.mosaic.check()
        let seed = seed ?? UInt64.random(in: 0..<1 << 32)
        let cores = verification.sample(sample, seed: seed)
        let tiles = try verification.differingBaseTiles(under: cores)
        let outcome = try recompute(cores, verification, interrupts)
        try report(
            Report(
                files: damaged.map { "\($0.path): \($0.reason)" }, windows: cores.count,
                differing: outcome.differing.map(\.description),
                failed: outcome.failed.map { "\($0.key): \($0.value)" }.sorted(),
                baseTiles: tiles.map(\.description), profiles: outcome.profiles.sorted(), seed: seed))
    }

    private func recompute(
        _ cores: [Core], _ verification: Verification, _ interrupts: Interrupts
    ) throws -> VerifySession.Outcome {
        guard !cores.isEmpty else { return VerifySession.Outcome() }
        let session = try VerifySession(
            verification, cores: cores, listen: listen ?? "tcp://127.0.0.1:*",
            keys: try key.map { try KeyFile.readSecret(URL(filePath: $0)) },
            allowed: try allow.map { try AllowList(URL(filePath: $0)) })
        let count = workers ?? (listen == nil ? min(16, max(1, ProcessInfo.processInfo.activeProcessorCount)) : 0)
        if listen != nil, !json { print("workers  tessera worker --connect \(session.endpoint)") }
        guard count > 0 else { return try session.run { !interrupts.happened } }
        let logs = FileManager.default.temporaryDirectory.appending(path: "tessera-verify-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: logs) }
        let fleet = try fleet(count, session.endpoint, logs)
        defer { fleet.stop() }
        return try session.run {
            if fleet.isExhausted {
                throw fleet.failure ?? CommandError("all workers have left before the sample was rendered")
            }
            return !interrupts.happened
        }
    }

    private func fleet(_ count: Int, _ endpoint: Endpoint, _ logs: URL) throws -> LocalFleet {
        let program = try WorkerProgram.find()
        let batch = batch
        let file = logs.appending(path: "model").path
        return try LocalFleet(
            LocalFleet.Configuration(
                executable: program.path,
                arguments: { worker in
                    program.arguments + [
                        "--connect", endpoint.description, "--name", "verifier-\(worker)", "--batch", "\(batch)",
                        "--cache", file, "--verbose",
                    ]
                }, count: count, logDirectory: logs))
    }

    private func report(_ report: Report) throws {
        if json {
            print(try JSONText.line(report))
        } else {
            for file in report.files { print("damaged: \(file)") }
            for core in report.differing { print("window \(core) differs") }
            for failure in report.failed { print("window \(failure)") }
            for tile in report.baseTiles { print("base tile \(tile) differs") }
        }
        let faults = report.files.count + report.differing.count + report.failed.count + report.baseTiles.count
        guard faults == 0 else {
            Program.complain(
                "\(directory): \(Words.count(faults, "fault")) in \(Words.count(report.windows, "window")) looked at "
                    + "(seed \(report.seed)). Damaged files are mended when the mosaic is rendered again, by the same command"
            )
            throw ExitCode(1)
        }
        guard !json else { return }
        print(
            "\(directory): every file has its checksums, and \(Words.count(report.windows, "window")) rendered again "
                + "(seed \(report.seed), on \(report.profiles.joined(separator: ", "))) came out the same")
    }
}
