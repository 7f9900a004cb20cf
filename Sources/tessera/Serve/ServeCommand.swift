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

            Both addresses are for this machine alone by default. For workers on other machines, --key makes the coordinator \
            speak CURVE: encrypted, and only with workers whose keys are allowed (`tessera keygen`, `tessera workers \
            allow`). HTTP is not encrypted; requests that change something need the token in --token-file, which \
            commands of the same user on this machine find by themselves. From elsewhere, tunnel it: \
            ssh -L 8080:127.0.0.1:8080 HOST.

            Examples:
              tessera serve --out mosaics --listen tcp://127.0.0.1:5555 --http 127.0.0.1:8080
              tessera serve --out mosaics --listen 'tcp://*:5555' --key keys/coordinator.secret
            """)

    @Option(help: ArgumentHelp("Where the mosaics and the list of jobs are kept.", valueName: "dir"))
    var out: String

    @Option(help: ArgumentHelp("Where workers connect; port * takes any free one.", valueName: "tcp://host:port"))
    var listen = "tcp://127.0.0.1:5555"

    @Option(help: ArgumentHelp("Where the page and the HTTP interface are; port 0 takes any.", valueName: "host:port"))
    var http = HTTPAddress(host: "127.0.0.1", port: 8080)

    @Option(
        help: ArgumentHelp("The coordinator's secret key: only workers with allowed keys get in.", valueName: "file"))
    var key: String?

    @Option(
        help: ArgumentHelp(
            "The list of allowed keys, or a folder for it; workers.allowed in --out by default.", valueName: "file"))
    var allow: String?

    @Option(
        help: ArgumentHelp(
            "Write the workers' address into this file, for `tessera worker --connect file:PATH`.", valueName: "file"))
    var addressFile: String?

    @Option(help: "What HTTP requests that change something must carry (Authorization: Bearer); or set TESSERA_TOKEN.")
    var token: String?

    @Option(
        help: ArgumentHelp(
            "The file that holds the token, made where it is missing; `token` in --out by default.", valueName: "file"))
    var tokenFile: String?

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
        guard endpoint.isLoopback || insecure || key != nil else {
            throw ValidationError("--listen \(Coordinator.howToSecure(endpoint)).")
        }
        guard allow == nil || key != nil else {
            throw ValidationError("--allow needs --key: without the coordinator's keys nobody is asked for theirs.")
        }
        guard token == nil || tokenFile == nil else { throw ValidationError("Give --token or --token-file, not both.") }
    }

    func run() throws {
        LogSink.standardError.takeLogging(level: verbose ? .debug : .info)
        let interrupts = Interrupts()
        let directory = URL(filePath: out)
        let isMosaic = FileManager.default.fileExists(atPath: directory.appending(path: "mosaic.json").path)
        let coordinator = try Coordinator(
            Coordinator.Configuration(
                directory: directory, listen: listen, allowInsecure: insecure,
                keys: try key.map { try KeyFile.readSecret(URL(filePath: $0)) },
                allowList: allow.map { URL(filePath: $0) }, singleMosaic: isMosaic))
        defer { coordinator.shutdown(keepsWorkers: true) }
        let access = try access(directory)
        let server = MonitorServer(
            source: CoordinatorSource(coordinator),
            configuration: .init(
                host: http.bareHost, port: http.port, token: access.text, tokenHint: access.hint),
            logger: Logger(label: "tessera.http"))
        let port = try server.start()
        let url = "http://\(http.host):\(port)"
        defer { server.stop() }
        access.remember(host: http.bareHost, port: port)
        defer { access.forget(host: http.bareHost, port: port) }
        if let addressFile { try write(coordinator.endpoint, to: addressFile) }
        if json {
            print(try JSONText.line(["event": "listening", "http": url, "workers": coordinator.endpoint]))
        } else {
            print("page     \(url)/")
            let keys = coordinator.status().serverKey.map { " --key worker.secret --server-key '\($0)'" } ?? ""
            print("workers  tessera worker --connect \(coordinator.endpoint)\(keys)")
            if !keys.isEmpty, coordinator.allowedWorkers.isEmpty {
                print("         no keys are allowed yet: tessera workers allow worker.public --to \(url)")
            }
            if let file = access.file { print("token    \(file.path)") }
            print("jobs     tessera submit --to \(url) --bbox=6.5,45.5,7.5,46.2 --levels 2")
        }
        while !interrupts.happened {
            interrupts.wait(.seconds(1))
            if let failure = coordinator.failure { throw CommandError(failure) }
        }
        if !json { print("stopping; started again on \(out), the jobs go on where they are") }
    }

    private func access(_ directory: URL) throws -> AccessToken {
        let variable = ProcessInfo.processInfo.environment["TESSERA_TOKEN"].flatMap { $0.isEmpty ? nil : $0 }
        if let text = token ?? (tokenFile == nil ? variable : nil) { return AccessToken(text: text) }
        return try AccessToken(file: tokenFile.map { URL(filePath: $0) } ?? directory.appending(path: "token"))
    }

    /// Replace the file in one step, so that no worker reads half an address.
    private func write(_ address: String, to path: String) throws {
        do {
            try Data((address + "\n").utf8).write(to: URL(filePath: path), options: .atomic)
        } catch {
            throw CommandError("--address-file \(path) cannot be written: \(error.localizedDescription)")
        }
    }
}
