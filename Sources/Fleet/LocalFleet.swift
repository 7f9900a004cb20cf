public import Foundation

/// Worker processes on this machine, restarted when they die and gone when this process is.
///
/// One thread starts them and waits for their ends. The kernel ties each child to that thread, so none outlives
/// this process, however it ends. A worker that exits with status 0 left on purpose (it was drained) and is not
/// started again; any other end is a death, and is answered as the restart policy says.
public final class LocalFleet: Sendable {
    public struct Configuration: Sendable {
        public var executable: String
        /// The arguments of worker 1, 2 …
        public var arguments: @Sendable (_ worker: Int) -> [String]
        public var environment: [String: String]
        public var count: Int
        /// Where `worker-N.log` go; created where it is missing.
        public var logDirectory: URL
        public var restart: RestartPolicy
        /// What a worker has, after it was asked to stop, before it is killed.
        public var grace: Duration

        public init(
            executable: String, arguments: @escaping @Sendable (_ worker: Int) -> [String],
            environment: [String: String] = ProcessInfo.processInfo.environment, count: Int, logDirectory: URL,
            restart: RestartPolicy = RestartPolicy(), grace: Duration = .seconds(10)
        ) {
            self.executable = executable
            self.arguments = arguments
            self.environment = environment
            self.count = count
            self.logDirectory = logDirectory
            self.restart = restart
            self.grace = grace
        }
    }

    public struct Member: Sendable, Hashable {
        public enum State: Sendable, Hashable {
            case running
            /// Died, and about to be started again.
            case waiting
            /// Left with status 0, or was stopped.
            case ended
            case givenUp
        }

        /// 1, 2 …
        public var worker: Int
        public var state: State
        /// Of the present or latest process.
        public var pid: Int32
        /// How often it was started.
        public var starts: Int
        /// Deaths in a row without progress.
        public var deaths: Int
    }

    private let supervisor: Supervisor

    /// Start the workers.
    ///
    /// - Throws: `FleetError.cannotStart` where the program or a log cannot be opened; no worker is left behind.
    public init(_ configuration: Configuration) throws {
        do {
            try FileManager.default.createDirectory(
                at: configuration.logDirectory, withIntermediateDirectories: true)
        } catch {
            throw FleetError.cannotStart(
                what: "log folder \(configuration.logDirectory.path)", reason: error.localizedDescription)
        }
        supervisor = Supervisor(configuration)
        try supervisor.start()
    }

    deinit { supervisor.stop() }

    public var members: [Member] { supervisor.members }

    /// The first worker that was given up, with its last words; the others go on.
    public var failure: FleetError? { supervisor.failure }

    /// Whether no worker is running or about to be.
    public var isExhausted: Bool { Self.isExhausted(members) }

    private static func isExhausted(_ members: [Member]) -> Bool {
        members.allSatisfy { $0.state == .ended || $0.state == .givenUp }
    }

    /// Note that the worker with this process got something done: its deaths so far are forgiven.
    public func madeProgress(pid: Int32) { supervisor.madeProgress(pid: pid) }

    /// Block until a condition on the workers holds; returns false where `timeout` passed before.
    @discardableResult
    public func wait(timeout: Duration? = nil, until condition: ([Member]) -> Bool) -> Bool {
        supervisor.wait(timeout: timeout, until: condition)
    }

    /// Ask all workers to stop (SIGTERM), kill those that have not within the grace, and block until all have ended.
    ///
    /// More calls are harmless.
    public func stop() { supervisor.stop() }

    /// Kill all workers at once, and block until all have ended.
    public func kill() { supervisor.stop(grace: .zero) }
}
