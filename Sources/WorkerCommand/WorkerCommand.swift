public import ArgumentParser
import BLASEngine
import Foundation
import Wire
import Worker

/// `tessera worker`, and all of `tessera-worker`.
public struct WorkerCommand: ParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "worker",
        abstract: "Render windows for a coordinator.",
        discussion: """
            The worker registers with the coordinator, fetches the model it lacks (checked by its SHA-256), and renders \
            until it is drained. It keeps trying while the coordinator is away, for --patience seconds, and looks its \
            name up anew each time. Several --connect are tried in turn; file:PATH is a file that holds the address, read \
            at each attempt, so that a coordinator may move.

            To a coordinator on another machine it speaks encrypted: --key is this worker's secret key, whose public half \
            the coordinator allows (tessera workers allow KEY), --server-key the coordinator's public key.

            One worker a core or two, with one thread each, is faster than one worker with many threads, and its \
            pixels do not depend on the number of threads either way.

            SIGTERM or Ctrl-C finishes the batch at hand and leaves; a second one gives the batch back at once. \
            Exit status: 0 drained, 1 failed (no coordinator, or refused), 2 wrong usage.

            Examples:
              tessera worker --connect tcp://127.0.0.1:5555 --batch 4
              tessera worker --connect tcp://render.example.org:5555 --key worker.secret --server-key coordinator.public
            """)

    public enum Engine: String, CaseIterable, ExpressibleByArgument, Sendable {
        case blas
    }

    @Option(
        help: ArgumentHelp(
            "The coordinator's address, or file:PATH; may be given several times.", valueName: "tcp://host:port"))
    public var connect: [String]

    @Option(help: ArgumentHelp("This worker's secret key, as `tessera keygen` wrote it.", valueName: "file"))
    public var key: String?

    @Option(help: ArgumentHelp("The coordinator's public key, or its file.", valueName: "key"))
    public var serverKey: String?

    @Option(help: "What the coordinator calls this worker; host and process id by default.")
    public var name: String?

    @Option(help: "Windows rendered together: more is faster on wide machines, and takes more memory.")
    public var batch = 2

    @Option(help: "Threads of the engine.")
    public var threads = 1

    @Option(help: "What computes the network: blas.")
    public var engine = Engine.blas

    @OptionGroup public var kernelOptions: KernelOptions

    @Option(help: ArgumentHelp("A model to use without fetching it; may be given several times.", valueName: "file"))
    public var model: [String] = []

    @Option(help: ArgumentHelp("Where fetched models are kept; ~/.cache/tessera/models by default.", valueName: "dir"))
    public var cache: String?

    @Option(help: "Seconds to try without a coordinator before giving up; 0 never does.")
    public var patience = 60

    @Flag(help: "Connect to another machine without encryption, on a network where every machine is trusted.")
    public var insecure = false

    @Flag(help: "Log every batch, not only what is out of the ordinary.")
    public var verbose = false

    public init() {}

    public mutating func validate() throws {
        guard (key == nil) == (serverKey == nil) else {
            throw ValidationError("--key and --server-key go together: this worker's keys, and the coordinator's.")
        }
        for text in connect { try check(text) }
        guard (1...Limits.windows).contains(batch) else {
            throw ValidationError("--batch is 1 to \(Limits.windows) windows, not \(batch).")
        }
        guard (1...1024).contains(threads) else { throw ValidationError("--threads is 1 to 1024, not \(threads).") }
        guard patience >= 0 else { throw ValidationError("--patience is seconds, 0 or more, not \(patience).") }
    }

    private func check(_ text: String) throws {
        let address: Address
        do {
            address = try Address(text)
        } catch {
            throw ValidationError("--connect \(text): \(error)")
        }
        if case .endpoint(let endpoint) = address, endpoint.port == nil {
            throw ValidationError("--connect \(text) names no port: give the one that the coordinator printed.")
        }
        guard key == nil, !insecure else { return }
        // What a file names is looked at when it is read.
        guard case .endpoint(let endpoint) = address, !endpoint.isLoopback else { return }
        throw ValidationError(
            "\(text) may be another machine: give --key and --server-key (`tessera keygen` makes keys), tunnel the port "
                + "(ssh -L 5555:127.0.0.1:5555 HOST) and connect to 127.0.0.1, or pass --insecure on a network where "
                + "every machine is trusted.")
    }

    private var security: Security {
        get throws {
            guard let key, let serverKey else { return .none }
            return .client(try KeyFile.readSecret(URL(filePath: key)), server: try KeyFile.readPublic(serverKey))
        }
    }

    public func run() throws {
        BLASRuntime.reexecIfNeeded()
        let threads = threads
        let kernel = try kernelOptions.chosen()
        var options = WorkerOptions(
            addresses: try connect.map { try Address($0) },
            name: name ?? "\(ProcessInfo.processInfo.hostName)-\(ProcessInfo.processInfo.processIdentifier)",
            batch: batch, device: "cpu", profile: BLASRuntime.profile(kernel), models: model.map { URL(filePath: $0) },
            cache: cacheDirectory, patience: patience == 0 ? nil : .seconds(patience), softwareVersion: Version.current,
            log: WorkerLog(isVerbose: verbose).note,
            makeEngine: { try BLASEngine(model: $0, threads: threads, kernel: kernel) })
        options.security = try security
        options.isConfinedToLoopback = key == nil && !insecure
        let worker = try Worker(options)
        let signals = try SignalDrain(worker)
        let outcome = withExtendedLifetime(signals) { worker.run() }
        if case .failed(let reason) = outcome { Program.complain("worker \(options.name): \(reason)") }
        throw ExitCode(outcome.exitCode)
    }

    private var cacheDirectory: URL {
        if let cache { return URL(filePath: cache) }
        let environment = ProcessInfo.processInfo.environment
        let root = environment["XDG_CACHE_HOME"].flatMap { $0.hasPrefix("/") ? URL(filePath: $0) : nil }
        return (root ?? URL(filePath: NSHomeDirectory()).appending(path: ".cache")).appending(path: "tessera/models")
    }
}
