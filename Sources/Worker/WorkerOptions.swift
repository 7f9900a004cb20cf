public import Denoiser
public import Foundation
public import Wire

/// How a worker connects, computes and gives up.
public struct WorkerOptions: Sendable {
    public typealias EngineFactory = @Sendable (ModelFile) throws -> any DenoisingEngine

    /// Where the coordinator may be; tried in turn.
    public var addresses: [Address]
    /// This worker's keys and the coordinator's; `.none` where that asks for none.
    public var security = Security.none
    /// Whether an address that a file names is used only where it is this machine.
    public var isConfinedToLoopback = false
    public var name: String
    /// Windows computed together, 1 … `Limits.windows`.
    public var batch: Int
    public var device: String
    /// The numeric profile that the engines have; an engine of another one is not used.
    public var profile: String
    /// Called on the compute thread, which keeps the engine.
    public var makeEngine: EngineFactory
    /// Model files to use without fetching them.
    public var models: [URL]
    /// Where fetched models are kept.
    public var cache: URL
    /// How long to try without being registered; nil for ever.
    public var patience: Duration?
    public var backoff = Backoff()
    /// How long a coordinator may take to answer a `Hello`.
    public var registration: Duration = .seconds(10)
    /// Heartbeat intervals of silence after which the coordinator counts as gone.
    public var silentHeartbeats = 5
    public var softwareVersion: String
    public var log: @Sendable (WorkerEvent) -> Void

    /// The addresses in words.
    var place: String { addresses.map(\.description).joined(separator: ", ") }

    public init(
        addresses: [Address], name: String, batch: Int = 4, device: String = "cpu", profile: String,
        models: [URL] = [], cache: URL, patience: Duration? = .seconds(30), softwareVersion: String,
        log: @escaping @Sendable (WorkerEvent) -> Void = { _ in }, makeEngine: @escaping EngineFactory
    ) {
        self.addresses = addresses
        self.name = name
        self.batch = batch
        self.device = device
        self.profile = profile
        self.makeEngine = makeEngine
        self.models = models
        self.cache = cache
        self.patience = patience
        self.softwareVersion = softwareVersion
        self.log = log
    }
}

/// Where a coordinator is.
public enum Address: Hashable, Sendable, CustomStringConvertible {
    /// A name in it is looked up at each attempt.
    case endpoint(Endpoint)
    /// A file whose first line is an endpoint; read at each attempt, so that a coordinator may move.
    case file(URL)

    /// Parse `tcp://host:port` or `file:PATH`.
    ///
    /// - Throws: `EndpointError`.
    public init(_ text: String) throws {
        if text.hasPrefix("file:"), text.count > 5 {
            self = .file(URL(filePath: String(text.dropFirst(5))))
        } else {
            self = .endpoint(try Endpoint(text))
        }
    }

    /// Return the endpoint that it means now.
    ///
    /// - Throws: `WorkerError` where the file holds none.
    func resolved() throws -> Endpoint {
        switch self {
        case .endpoint(let endpoint): return endpoint
        case .file(let url):
            let text = (try? String(contentsOf: url, encoding: .utf8)) ?? ""
            guard let line = text.split(whereSeparator: \.isNewline).first, let endpoint = try? Endpoint(String(line)),
                endpoint.port != nil
            else { throw WorkerError("\(url.path) holds no address such as tcp://127.0.0.1:5555 at the moment") }
            return endpoint
        }
    }

    public var description: String {
        switch self {
        case .endpoint(let endpoint): endpoint.description
        case .file(let url): "file:\(url.path)"
        }
    }
}

/// Waiting times between attempts: doubled each time up to a limit, and spread so that workers do not come all at once.
public struct Backoff: Hashable, Sendable {
    public var first: Duration
    public var limit: Duration

    public init(first: Duration = .milliseconds(200), limit: Duration = .seconds(15)) {
        self.first = first
        self.limit = limit
    }

    /// Return the wait before an attempt: between half and all of min(first · 2ⁿ, limit).
    ///
    /// - Parameter attempt: n, from 0.
    public func delay(attempt: Int, using random: inout some RandomNumberGenerator) -> Duration {
        let doubled = first * (1 << min(max(attempt, 0), 20))
        return min(doubled, limit) * Double.random(in: 0.5...1, using: &random)
    }
}

/// Something that happened to a worker, for its log.
public enum WorkerEvent: Hashable, Sendable, CustomStringConvertible {
    case connecting(Endpoint)
    case registered(session: UInt64)
    case job(String)
    case fetching(ModelDigest, bytes: UInt64)
    case fetched(ModelDigest)
    case batch(windows: Int, seconds: Double)
    case failed(windows: Int, reason: String)
    case disconnected(reason: String)
    case draining(reason: String)

    public var description: String {
        switch self {
        case .connecting(let endpoint): "connecting to \(endpoint)"
        case .registered(let session): "registered, session \(session)"
        case .job(let id): "job \(id)"
        case .fetching(let digest, let bytes): "fetching model \(digest), \(bytes) bytes"
        case .fetched(let digest): "model \(digest) fetched and verified"
        case .batch(let windows, let seconds): "\(windows) windows, \(seconds) s each"
        case .failed(let windows, let reason): "\(windows) windows failed: \(reason)"
        case .disconnected(let reason): "disconnected: \(reason)"
        case .draining(let reason): "draining: \(reason)"
        }
    }
}

/// How a worker ended.
public enum WorkerOutcome: Hashable, Sendable {
    /// Asked to, by a drain or a signal; all unfinished windows are given back.
    case drained(reason: String)
    /// No coordinator, or none that takes this worker.
    case failed(reason: String)

    public var exitCode: Int32 {
        switch self {
        case .drained: 0
        case .failed: 1
        }
    }
}
