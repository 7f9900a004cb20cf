internal import Foundation
internal import Synchronization
public import Wire

/// The client side of the protocol: takes windows from a coordinator and returns their pixels.
///
/// Two threads of its own do the work: one owns the socket, one computes. The coordinator may come and go; the worker
/// registers again by itself.
public final class Worker: Sendable {
    private let options: WorkerOptions
    private let wakeUp: WakeUp
    private let request = Mutex<Drain?>(nil)

    /// - Throws: `WorkerError` for options that cannot be; `TransportError` where descriptors have run out.
    public init(_ options: WorkerOptions) throws {
        guard (1...Limits.windows).contains(options.batch) else {
            throw WorkerError("a batch of \(options.batch) windows: choose 1 to \(Limits.windows)")
        }
        guard !options.addresses.isEmpty else { throw WorkerError("no coordinator's address was given") }
        for case .endpoint(let endpoint) in options.addresses where endpoint.port == nil {
            throw WorkerError("\(endpoint) has no port to connect to: use the one the coordinator printed")
        }
        self.options = options
        wakeUp = try WakeUp()
    }

    /// Work until drained, refused or out of patience; blocks the calling thread, which becomes the I/O thread.
    ///
    /// Call it once, and never on a thread of Swift's cooperative pool. After a drain `now` the compute thread may go on
    /// until the end of its step.
    public func run() -> WorkerOutcome {
        do {
            let loop = try WorkerLoop(options: options, wakeUp: wakeUp) { self.takeRequest() }
            defer { loop.close() }
            return try loop.run()
        } catch {
            return .failed(reason: "\(error)")
        }
    }

    private func takeRequest() -> Drain? {
        request.withLock { pending in
            defer { pending = nil }
            return pending
        }
    }

    /// Work on a thread of its own; see `run()`.
    public func outcome() async -> WorkerOutcome {
        await withCheckedContinuation { continuation in
            let thread = Thread { continuation.resume(returning: self.run()) }
            thread.name = "tessera-wire"
            thread.start()
        }
    }

    /// Ask the worker to end, from any thread: to finish its batch, or at once. A second call may only hasten it.
    public func drain(_ mode: Drain.Mode, reason: String) {
        request.withLock { pending in
            if pending?.mode != .now { pending = Drain(mode: mode, reason: reason) }
        }
        wakeUp.wake()
    }
}
