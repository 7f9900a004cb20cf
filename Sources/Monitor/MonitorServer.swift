import Foundation
import Hummingbird
import HummingbirdCore
public import Logging
import NIOCore
import Synchronization

/// The HTTP server: the page, the API under `/api/v1`, and the tiles.
///
/// Run it either inside a task with `run`, or from a plain thread with `start` and `stop`.
public final class MonitorServer: Sendable {
    public struct Configuration: Sendable {
        public var host: String
        /// 0 takes any free port.
        public var port: Int
        /// What requests that change something must carry as `Authorization: Bearer`; nil asks for nothing.
        public var token: String?
        /// Where people find the token, in words that go on after "this needs the server's token".
        public var tokenHint: String
        /// The largest request body in bytes.
        public var maximumBody: Int
        /// Where Debian's libjs-leaflet put its files.
        public var leafletDirectory: String
        /// Requests that change something: a caller's burst, and how many a second after it.
        public var changes = (burst: 100.0, perSecond: 20.0)
        public var reads = (burst: 5000.0, perSecond: 1000.0)
        /// Attempts with a wrong token.
        public var refusals = (burst: 10.0, perSecond: 1.0)
        /// Open connections.
        public var maximumConnections = 1024

        public init(
            host: String = "127.0.0.1", port: Int = 8080, token: String? = nil, tokenHint: String = "",
            maximumBody: Int = 4 << 20,
            leafletDirectory: String = "/usr/share/javascript/leaflet"
        ) {
            self.host = host
            self.port = port
            self.token = token
            self.tokenHint = tokenHint
            self.maximumBody = maximumBody
            self.leafletDirectory = leafletDirectory
        }

        var limits: [RateLimiter.Kind: RateLimit] {
            [
                .read: RateLimit(burst: reads.burst, perSecond: reads.perSecond),
                .change: RateLimit(burst: changes.burst, perSecond: changes.perSecond),
                .refused: RateLimit(burst: refusals.burst, perSecond: refusals.perSecond),
            ]
        }

        /// Whether only this machine can reach the server.
        public var isLoopback: Bool {
            let bytes = host.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
            return RequestGuard.loopbackNames.contains(host)
                || bytes.count == 4 && bytes.allSatisfy { $0 != nil } && bytes[0] == 127
        }
    }

    private enum State {
        case idle
        case starting
        case running(port: Int)
        case ended((any Error)?)
    }

    public let configuration: Configuration
    private let source: any MonitorSource
    private let logger: Logger
    private let queue = BlockingQueue(width: 4)
    private let state = Mutex(State.idle)
    private let task = Mutex<Task<Void, Never>?>(nil)
    /// Signalled when the server listens, and when it has ended.
    private let listening = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)

    public init(source: any MonitorSource, configuration: Configuration = Configuration(), logger: Logger) {
        self.source = source
        self.configuration = configuration
        self.logger = logger
    }

    /// Serve until the task is cancelled.
    ///
    /// - Parameter onListening: Called once with the port, when connections are accepted.
    /// - Throws: `MonitorError.cannotListen` where the port is in use or not ours to take.
    public func run(onListening: @escaping @Sendable (Int) async -> Void = { _ in }) async throws {
        let page = PageRoutes(leafletDirectory: configuration.leafletDirectory)
        let router = Router(
            context: MonitorContext.self, options: [.autoGenerateHeadEndpoints])
        router.add(
            middleware: RequestGuard(
                host: configuration.host, isLoopback: configuration.isLoopback, token: configuration.token,
                tokenHint: configuration.tokenHint, limiter: RateLimiter(limits: configuration.limits), logger: logger))
        page.add(to: router)
        APIRoutes(source: source, queue: queue, maximumBody: configuration.maximumBody).add(to: router)
        TileRoutes(source: source, queue: queue).add(to: router)
        // The server logs every connection that a stop cuts off as an error.
        var quiet = logger
        quiet.logLevel = .critical
        let application = Application(
            router: router,
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.host, port: configuration.port), serverName: "tessera",
                availableConnectionsDelegate: MaximumAvailableConnections(configuration.maximumConnections)),
            onServerRunning: { channel in await onListening(channel.localAddress?.port ?? 0) },
            logger: quiet)
        do {
            try await application.run()
        } catch is CancellationError {
            return
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            throw MonitorError.cannotListen(
                "http://\(configuration.host):\(configuration.port) is in use by another program: "
                    + "choose another port with --http \(configuration.host):PORT")
        } catch let error as IOError where error.errnoCode == EACCES {
            throw MonitorError.cannotListen(
                "port \(configuration.port) may not be taken by this user: choose one above 1023")
        } catch let error where !Task.isCancelled {
            throw MonitorError.cannotListen("cannot listen on \(configuration.host):\(configuration.port): \(error)")
        }
    }

    /// Start serving in the background and block until connections are accepted; call it from a plain thread.
    ///
    /// - Returns: The port.
    @discardableResult
    public func start() throws -> Int {
        state.withLock { $0 = .starting }
        let running = Task.detached { [self] in
            var failure: (any Error)?
            do {
                try await run { [self] port in
                    state.withLock { $0 = .running(port: port) }
                    listening.signal()
                }
            } catch {
                failure = error
            }
            state.withLock { [failure] in $0 = .ended(failure) }
            listening.signal()
            ended.signal()
        }
        task.withLock { $0 = running }
        listening.wait()
        switch state.withLock({ $0 }) {
        case .running(let port): return port
        case .ended(let error?): throw error
        case .idle, .starting, .ended(nil): throw MonitorError.cannotListen("the server ended before it listened")
        }
    }

    /// Stop what `start` started, and block until the port is free; call it from a plain thread.
    public func stop() {
        guard let running = task.withLock({ task in (task.take()) }) else { return }
        running.cancel()
        ended.wait()
    }
}
