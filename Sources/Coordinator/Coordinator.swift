public import Canvas
public import Foundation
public import Logging
public import Pyramid
public import Scheduling
import Synchronization
public import Wire

/// The coordinator of one directory of mosaics: takes jobs, leases their windows to workers, and keeps the pixels.
///
/// All methods may be called from any thread. Nothing about a job's progress lives here: a coordinator that is killed
/// and started again on the same directory goes on from the pixels that are committed.
public final class Coordinator: Sendable {
    public struct Configuration: Sendable {
        /// Where mosaics and the jobs database lie.
        public var directory: URL
        /// The address workers connect to; port `*` takes a free one.
        public var listen: String
        public var heartbeat: Duration
        /// Whether an address that is not loopback may be used without keys.
        public var allowInsecure: Bool
        /// The coordinator's keys; with them, only workers with allowed keys get in.
        public var keys: CurveKeyPair?
        /// The list of allowed keys; nil is the file `workers.allowed` in the directory.
        public var allowList: URL?
        /// Whether the directory itself is the one mosaic (`render`), rather than holding one folder a mosaic (`serve`).
        public var singleMosaic: Bool
        /// Whether to take up the jobs that the directory's database holds, finished ones too, so that they are shown.
        public var takesUpJobs: Bool
        /// Whether pixels are read and kept at all; only a measurement of the rest goes without.
        package var keepsPixels = true

        public init(
            directory: URL, listen: String = "tcp://127.0.0.1:*", heartbeat: Duration = .seconds(2),
            allowInsecure: Bool = false, keys: CurveKeyPair? = nil, allowList: URL? = nil, singleMosaic: Bool = false,
            takesUpJobs: Bool = true
        ) {
            self.directory = directory
            self.listen = listen
            self.heartbeat = heartbeat
            self.allowInsecure = allowInsecure
            self.keys = keys
            self.allowList = allowList
            self.singleMosaic = singleMosaic
            self.takesUpJobs = takesUpJobs
        }
    }

    /// The address workers connect to, with the port that was taken.
    public let endpoint: String
    private let configuration: Configuration
    private let commands: Mailbox<Command>
    private let wakeUp: WakeUp
    private let store: StoreQueue
    private let jobs: JobStore
    private let library: MosaicLibrary
    /// nil where no keys are asked for.
    let allowList: AllowList?
    private let board = StatusBoard()
    private let log: Logger
    private let ended = DispatchGroup()
    private let submissions = DispatchQueue(label: "tessera.submit")

    /// Bind the socket, start the threads, and take up the directory's jobs where the configuration says so.
    ///
    /// - Throws: `CoordinatorError` for an address that is not loopback, `TransportError` where it cannot be bound, and
    ///   what opening the directory throws.
    public init(_ configuration: Configuration, log: Logger = Logger(label: "tessera.coordinator")) throws {
        let wanted = try Endpoint(configuration.listen)
        guard wanted.isLoopback || configuration.allowInsecure || configuration.keys != nil else {
            throw CoordinatorError(.insecure, Self.howToSecure(wanted))
        }
        try FileManager.default.createDirectory(at: configuration.directory, withIntermediateDirectories: true)
        commands = Mailbox<Command>()
        wakeUp = try WakeUp()
        store = StoreQueue(keepsPixels: configuration.keepsPixels) { [commands, wakeUp] command in
            commands.put(command)
            wakeUp.wake()
        }
        jobs = try JobStore(directory: configuration.directory)
        allowList = try configuration.keys.map { _ in
            try AllowList(configuration.allowList ?? configuration.directory.appending(path: AllowList.fileName))
        }
        library = MosaicLibrary(directory: configuration.directory, isSingle: configuration.singleMosaic)
        self.configuration = configuration
        self.log = log
        let board = self.board
        endpoint = try Self.start(
            ended: ended,
            loop: { [commands, wakeUp, store, jobs, allowList, configuration] in
                let context = try ZMQContext()
                let gate = try allowList.map { list in try CurveGate(context: context) { list.admits($0) } }
                var options = ZMQOptions()
                options.maximumMessage = Limits.workerMessage
                options.security = configuration.keys.map { .server($0) } ?? .none
                let router = try ZMQSocket(.router, context: context, options: options)
                let watch = try ConnectionWatch(router, context: context)
                let endpoint = try router.bind(wanted)
                return SocketLoop(
                    epoch: try jobs.beginSession(), heartbeat: configuration.heartbeat, router: router,
                    endpoint: endpoint, wakeUp: wakeUp, commands: commands, store: store, jobStore: jobs,
                    admission: Admission(allowed: allowList, watch: watch, gate: gate), log: log,
                    publish: { status in board.set(status) })
            }, log: log,
            failed: { [directory = configuration.directory] error in board.fail(Self.report(error, in: directory)) }
        ).description
        if configuration.takesUpJobs { try takeUpJobs() }
    }

    /// Run a socket loop on a thread of its own, and wait until it is bound.
    private static func start(
        ended: DispatchGroup, loop make: @escaping @Sendable () throws -> SocketLoop, log: Logger,
        failed: @escaping @Sendable (any Error) -> Void
    ) throws -> Endpoint {
        let bound = Mutex<Result<Endpoint, any Error>?>(nil)
        let ready = DispatchSemaphore(value: 0)
        ended.enter()
        let thread = Thread {
            defer { ended.leave() }
            do {
                let loop = try make()
                bound.withLock { $0 = .success(loop.endpoint) }
                ready.signal()
                try loop.run()
            } catch {
                log.critical("the socket thread ended", metadata: ["error": "\(error)"])
                failed(error)
                bound.withLock { $0 = $0 ?? .failure(error) }
                ready.signal()
            }
        }
        thread.name = "tessera.socket"
        thread.start()
        ready.wait()
        return try bound.withLock { try $0?.get() } ?? Endpoint("tcp://127.0.0.1:*")
    }

    /// Return what to tell of an error that ended the socket thread; what was known is written beside the mosaics.
    private static func report(_ error: any Error, in directory: URL) -> String {
        guard let broken = error as? InvariantBroken else { return "the coordinator stopped: \(error)" }
        let url = directory.appending(path: "tessera-dump.json")
        let encoder = JSONEncoder()
        encoder.dateEncodingStrategy = .iso8601
        let text = (try? Redaction.redacted(json: encoder.encode(broken.dump)))
        let isWritten = text.map { (try? $0.write(to: url)) != nil } ?? false
        return
            "the coordinator stopped because an invariant is broken (\(broken)): this is an error of tessera. All that "
            + "was committed is kept, and the same command goes on with it. Please report it"
            + (isWritten ? ", with \(url.path)" : "")
    }

    /// Take a job.
    ///
    /// The same request again is the same job: it is taken up where it stopped. Opens the base map and the model, so it
    /// takes a while; call it from a thread that may block.
    ///
    /// - Throws: An error that says what is wrong with the request; nothing is kept of it then.
    public func submit(_ request: JobRequest) throws -> JobID {
        try submissions.sync {
            let known = try jobs.all()
            let text = try Self.text(of: request)
            let record = known.first { $0.request == text }
            let id = record?.id ?? "job-\(known.count + 1)"
            if let record, let job = status().jobs.first(where: { $0.id == id }),
                job.progress.phase == .running || job.progress.phase == .paused
            {
                if job.progress.phase == .paused { put(.resume(record.id)) }
                return id
            }
            try start(request, id: id, profile: record?.profile, created: record?.created ?? Date(), text: text)
            return id
        }
    }

    private func start(
        _ request: JobRequest, id: JobID, profile: String?, created: Date, text: String
    ) throws {
        let job = try library.prepare(request, id: id)
        try jobs.save(
            JobStore.Record(
                id: id, mosaic: job.mosaicName, request: text, phase: JobProgress.Phase.running.rawValue,
                profile: profile, created: created))
        let rule: ProfileRule = request.exact ? profile.map(ProfileRule.only) ?? .first : .any
        let published = DispatchSemaphore(value: 0)
        put(.submit(job, done: job.doneCores(), profile: rule, published: published))
        guard published.wait(timeout: .now() + 60) == .success else {
            throw CoordinatorError(.stopped, "the coordinator does not answer: see its log, and start it again")
        }
    }

    /// Take up what the database holds; what cannot be opened any more is reported and left.
    private func takeUpJobs() throws {
        for record in try jobs.all() where record.phase != JobProgress.Phase.cancelled.rawValue {
            do {
                let request = try JSONDecoder().decode(JobRequest.self, from: Data(record.request.utf8))
                try start(
                    request, id: record.id, profile: record.profile, created: record.created, text: record.request)
                if record.phase == JobProgress.Phase.paused.rawValue { put(.pause(record.id)) }
            } catch {
                log.error("a job cannot be taken up again", metadata: ["job": "\(record.id)", "error": "\(error)"])
            }
        }
    }

    private static func text(of request: JobRequest) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(request), as: UTF8.self)
    }

    public func pause(_ id: JobID) throws { try command(.pause(id), on: id) }

    public func resume(_ id: JobID) throws { try command(.resume(id), on: id) }

    public func cancel(_ id: JobID) throws { try command(.cancel(id), on: id) }

    private func command(_ command: Command, on id: JobID) throws {
        guard try jobs.all().contains(where: { $0.id == id }) else { throw CoordinatorError.unknownJob(id) }
        put(command)
    }

    /// Ask a worker to end.
    ///
    /// - Parameter now: Whether it is to give back its batch at once, rather than finish it.
    public func drain(worker id: UInt64, now: Bool, reason: String) throws {
        guard status().workers.contains(where: { $0.id == id }) else {
            throw CoordinatorError(.unknownWorker, "no worker \(id) is connected: `tessera workers` lists them")
        }
        put(.drain(worker: id, now: now, reason: reason))
    }

    /// Try a job's failed windows again, with every worker; those behind them follow.
    public func retry(_ id: JobID) throws {
        try require(id, in: [.running, .paused, .finished], "a cancelled job is handed in again with `tessera submit`")
        put(.retry(id))
    }

    /// Render a part of a job before the rest; nil ends that. It holds until the coordinator stops.
    ///
    /// - Throws: `CoordinatorError` where the job has nothing there, `CanvasError` where the region is none.
    public func prefer(_ region: Region?, of id: JobID) throws {
        try require(id, in: [.running, .paused], "it is over")
        guard let region else { return put(.prefer(id, nil)) }
        guard let plan = library.plan(of: id) else { throw CoordinatorError.unknownJob(id) }
        let finest = try region.cores(on: plan.canvas, level: plan.levels)
        guard let part = plan.part(finest) else {
            throw CoordinatorError(.badRequest, "job \(id) renders nothing in that region")
        }
        put(.prefer(id, part))
    }

    /// Change a job's priority; it holds until the coordinator stops.
    public func setPriority(_ priority: Int, of id: JobID) throws { try command(.setPriority(id, priority), on: id) }

    private func require(_ id: JobID, in phases: Set<JobProgress.Phase>, _ advice: String) throws {
        guard let job = status().jobs.first(where: { $0.id == id }) else { throw CoordinatorError.unknownJob(id) }
        guard phases.contains(job.progress.phase) else {
            throw CoordinatorError(.wrongPhase, "job \(id) is \(job.progress.phase.rawValue): \(advice)")
        }
    }

    /// Return everything that is known, for a bug report.
    ///
    /// - Throws: `CoordinatorError.stopped` where the socket thread does not answer.
    public func dump() throws -> StateDump {
        let order = DumpOrder()
        put(.dump(order))
        guard let dump = order.wait(seconds: 10) else {
            throw CoordinatorError(.stopped, failure ?? "the coordinator does not answer: see its log")
        }
        return dump
    }

    /// Why the coordinator has stopped by itself; nil while it works.
    public var failure: String? { board.failure }

    /// Return the state of jobs and workers, at most a quarter of a second old.
    public func status() -> Status {
        var status = board.get()
        status.endpoint = endpoint
        status.serverKey = configuration.keys?.publicKey.description
        return status
    }

    /// The names of the mosaics that were opened since the start.
    public func mosaics() -> [String] { library.names }

    /// Return what there is to show of a tile: its final pixels, or a preview.
    public func tile(mosaic name: String, _ tile: Tile) throws -> TileData? {
        try library.opened(name)?.tile(zoom: tile.zoom, x: tile.x, y: tile.y)
    }

    /// Stop: lease no more, part from the workers, commit what has arrived, and close.
    ///
    /// It waits at most ten seconds for workers; what they had in hand is rendered again next time.
    /// - Parameter keepsWorkers: Whether workers shall wait for this coordinator to come back, rather than end.
    public func shutdown(keepsWorkers: Bool = false) {
        put(.shutdown(keepsWorkers: keepsWorkers))
        ended.wait()
        store.flush()
        library.close()
    }

    func put(_ command: Command) {
        commands.put(command)
        wakeUp.wake()
    }
}
