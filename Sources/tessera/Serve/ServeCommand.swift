import ArgumentParser
import Coordinator
import Foundation
import Logging
import Monitor
import Wire
import WorkerCommand

struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run a coordinator, with its page and HTTP interface.",
        discussion: """
            Jobs come in by `tessera submit` or POST /api/v1/jobs, workers by `tessera worker`. Each mosaic has a folder \
            below --out. Started again on the same folder, the coordinator takes up its jobs where they stopped. A folder \
            that `render` made is shown as the one mosaic it is.

            Both addresses are for this machine alone by default. This version encrypts nothing and, without --token, \
            asks nobody who they are; so an address that other machines reach needs --insecure. Better: let the \
            other machines tunnel the port, ssh -L 5555:127.0.0.1:5555 HOST.

            Example: tessera serve --out mosaics --listen tcp://127.0.0.1:5555 --http 127.0.0.1:8080
            """)

    @Option(help: ArgumentHelp("Where the mosaics and the list of jobs are kept.", valueName: "dir"))
    var out: String

    @Option(help: ArgumentHelp("Where workers connect; port * takes any free one.", valueName: "tcp://host:port"))
    var listen = "tcp://127.0.0.1:5555"

    @Option(help: ArgumentHelp("Where the page and the HTTP interface are; port 0 takes any.", valueName: "host:port"))
    var http = HTTPAddress(host: "127.0.0.1", port: 8080)

    @Option(help: "What HTTP requests that change something must carry (Authorization: Bearer); or set TESSERA_TOKEN.")
    var token: String?

    @Flag(help: "Listen on addresses that other machines reach, without encryption.")
    var insecure = false

    @Flag(help: "Log every request and message.")
    var verbose = false

    @Flag(help: "Say where it listens as JSON, an object on a line.")
    var json = false

    func validate() throws {
        try Exposure.check(http: http, insecure: insecure)
        let endpoint: Endpoint
        do {
            endpoint = try Endpoint(listen)
        } catch {
            throw ValidationError("--listen \(listen): \(error).")
        }
        guard endpoint.isLoopback || insecure else {
            throw ValidationError(
                "--listen \(listen) can be reached from other machines, and this version does not encrypt yet: anyone "
                    + "there could read and write the mosaics. Listen on tcp://127.0.0.1:PORT (and tunnel with ssh -L), "
                    + "or pass --insecure on a network where every machine is trusted.")
        }
    }

    func run() throws {
        LogSink.standardError.takeLogging(level: verbose ? .debug : .info)
        let interrupts = Interrupts()
        let directory = URL(filePath: out)
        let isMosaic = FileManager.default.fileExists(atPath: directory.appending(path: "mosaic.json").path)
        let coordinator = try Coordinator(
            Coordinator.Configuration(
                directory: directory, listen: listen, allowInsecure: insecure, singleMosaic: isMosaic))
        defer { coordinator.shutdown() }
        let server = MonitorServer(
            source: CoordinatorSource(coordinator),
            configuration: .init(
                host: http.bareHost, port: http.port,
                token: token ?? ProcessInfo.processInfo.environment["TESSERA_TOKEN"].flatMap { $0.isEmpty ? nil : $0 }),
            logger: Logger(label: "tessera.http"))
        let url = "http://\(http.host):\(try server.start())"
        defer { server.stop() }
        if json {
            print(try JSONText.line(["event": "listening", "http": url, "workers": coordinator.endpoint]))
        } else {
            print("page     \(url)/")
            print("workers  tessera worker --connect \(coordinator.endpoint)")
            print("jobs     tessera submit --to \(url) --bbox=6.5,45.5,7.5,46.2 --levels 2")
        }
        while !interrupts.happened {
            interrupts.wait(.seconds(1))
            if let failure = coordinator.failure { throw CommandError(failure) }
        }
        if !json { print("stopping; started again on \(out), the jobs go on where they are") }
    }
}
