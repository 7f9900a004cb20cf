internal import Foundation
internal import Wire

/// One attempt at a batch of windows.
struct LeaseKey: Hashable, Sendable {
    /// Counts this worker's registrations: a coordinator that was restarted may use its numbers again.
    var registration: UInt64
    var lease: UInt64
    var epoch: UInt64
}

/// A window that waits for the compute thread, or is on it.
struct QueuedWindow: Sendable {
    var lease: LeaseKey
    /// The window's place in its assignment.
    var index: Int
    var job: JobDescription
    var request: WindowRequest
}

/// Windows of one job that are computed together.
struct Batch: Sendable {
    var id: UInt64
    var job: JobDescription
    var model: URL
    var windows: [QueuedWindow]
}

/// Hands windows from the I/O thread to the compute thread, which takes a batch whenever it is free.
///
/// Windows leave in the order they came, in batches of one job.
// @unchecked: every access to the state holds the condition's lock.
final class WorkQueue: @unchecked Sendable {
    private struct Entry {
        var window: QueuedWindow
        var model: URL
    }

    private let condition = NSCondition()
    private var entries: [Entry] = []
    private var running: Batch?
    private var stopped = false
    private var closed = false
    private var nextID: UInt64 = 1

    private func locked<Value>(_ body: () -> Value) -> Value {
        condition.lock()
        defer { condition.unlock() }
        return body()
    }

    func add(_ windows: [QueuedWindow], model: URL) {
        locked {
            entries += windows.map { Entry(window: $0, model: model) }
            condition.signal()
        }
    }

    /// Wait for the next batch; nil when the queue is closed.
    func take(limit: Int) -> Batch? {
        locked {
            while entries.isEmpty, !closed { condition.wait() }
            guard !closed, let first = entries.first else { return nil }
            let count = entries.prefix(limit).prefix { $0.window.job == first.window.job }.count
            let batch = Batch(
                id: nextID, job: first.window.job, model: first.model,
                windows: entries.prefix(count).map(\.window))
            entries.removeFirst(count)
            nextID += 1
            running = batch
            stopped = false
            return batch
        }
    }

    /// The compute thread is done with its batch.
    func finish() {
        locked { running = nil }
    }

    /// Whether the batch on the compute thread is not wanted any more.
    var isStopped: Bool { locked { stopped || closed } }

    var runningLease: UInt64 { locked { running?.windows.first?.lease.lease ?? 0 } }

    /// Drop the windows of unwanted leases; the batch at hand stops if all of its are.
    ///
    func drop(where unwanted: (LeaseKey) -> Bool) {
        locked {
            entries.removeAll { unwanted($0.window.lease) }
            if let running, running.windows.allSatisfy({ unwanted($0.lease) }) { stopped = true }
        }
    }

    /// Take back what waits; the batch at hand goes on.
    func takeBack() -> [QueuedWindow] {
        locked {
            defer { entries = [] }
            return entries.map(\.window)
        }
    }

    /// Take back everything, and stop the batch at hand at its next step.
    func stop() {
        locked {
            entries = []
            stopped = true
        }
    }

    /// End the compute thread at its next step.
    func close() {
        locked {
            closed = true
            entries = []
            condition.broadcast()
        }
    }
}
