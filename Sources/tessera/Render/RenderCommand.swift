import ArgumentParser
import Coordinator
import Foundation
import Logging
import WorkerCommand

struct RenderCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "render",
        abstract: "Render a mosaic on this machine: a coordinator and worker processes.",
        discussion: """
            The mosaic goes to --out, as SQLite files that GDAL opens (MBTiles). The same command again resumes where \
            the last one stopped; with another region it extends the mosaic, without a seam. Another model, seed, \
            sampler or map is refused, since the pixels would not fit together.

            Ctrl-C stops cleanly: what is finished is kept, and the command to go on is printed (exit status 3). A \
            second Ctrl-C ends at once, and loses only the windows in work.

            Examples:
              The Mont Blanc, 16 times finer than the built-in world map:
                tessera render --bbox=6.5,45.5,7.5,46.2 --levels 2 --seed 7 --out alps
              Your own GeoTIFF, all of it, with four workers and the page to watch:
                tessera render --base map.tif --levels 1 --out map --workers 4 --http 127.0.0.1:8080
              A painted map without georeference, 512 × 512 pixels of it:
                tessera render --base planet.png --resolution 4000 --rect 0,0,512,512 --out planet
            """)

    @OptionGroup var job: JobOptions

    @Option(help: ArgumentHelp("The mosaic's folder; created where it is missing.", valueName: "dir"))
    var out: String

    @Option(help: "Worker processes; by default one a core, at most 16.")
    var workers = min(16, max(1, ProcessInfo.processInfo.activeProcessorCount))

    @Option(help: "Windows that a worker renders together.")
    var batch = 2

    @Option(help: "Threads of each worker.")
    var threads = 1

    @Option(help: "What computes the network: blas.")
    var engine = WorkerCommand.Engine.blas

    @OptionGroup var kernelOptions: KernelOptions

    @Option(help: ArgumentHelp("Serve the page meanwhile.", valueName: "host:port"))
    var http: HTTPAddress?

    @Flag(help: "Let --http listen on an address that other machines reach, without encryption.")
    var insecure = false

    @Flag(help: "Write JSON to standard output, an object a line: progress, and then the result.")
    var json = false

    func validate() throws {
        guard (1...1024).contains(workers) else { throw ValidationError("--workers is 1 to 1024, not \(workers).") }
        guard (1...64).contains(batch) else { throw ValidationError("--batch is 1 to 64 windows, not \(batch).") }
        guard (1...1024).contains(threads) else { throw ValidationError("--threads is 1 to 1024, not \(threads).") }
        try Exposure.check(http: http, insecure: insecure)
    }

    func run() throws {
        _ = try kernelOptions.chosen()
        let request = try job.request()
        let directory = URL(filePath: out)
        try LogSink.appending(to: directory.appending(path: "logs/coordinator.log")).takeLogging(level: .info)
        let session = RenderSession(
            request: request, directory: directory, display: ProgressDisplay(json: json),
            again: Shell.command(["tessera"] + CommandLine.arguments.dropFirst()))
        let outcome = try session.run(
            fleet: .init(
                workers: workers, batch: batch, threads: threads, kernel: kernelOptions.arguments, model: request.model),
            http: http)
        switch outcome {
        case .finished: return
        case .interrupted: throw ExitCode(3)
        case .failed(let reason):
            Program.complain(reason)
            throw ExitCode(1)
        }
    }
}

/// Refuses addresses that other machines reach, unless told otherwise.
enum Exposure {
    static func check(http: HTTPAddress?, insecure: Bool) throws {
        guard let http, !http.isLoopback, !insecure else { return }
        throw ValidationError(
            "--http \(http.host):\(http.port) can be reached from other machines, and is neither encrypted nor asks who "
                + "calls: listen on 127.0.0.1 (and tunnel with ssh -L), or pass --insecure on a network where everyone is "
                + "trusted.")
    }
}
