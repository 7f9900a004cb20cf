import Canvas
import Dispatch
import Scheduling
import Wire

/// What other threads ask of the socket thread.
enum Command: Sendable {
    /// Take a job; `published` is signalled when the status shows it.
    case submit(PreparedJob, done: [CoreSet], profile: ProfileRule, published: DispatchSemaphore)
    case pause(JobID)
    case resume(JobID)
    case cancel(JobID)
    case retry(JobID)
    case prefer(JobID, [CoreSet]?)
    case setPriority(JobID, Int)
    case dump(DumpOrder)
    case drain(worker: UInt64, now: Bool, reason: String)
    /// The conditions of a lease are read from the store.
    case prepared(Lease, Result<[WindowRequest], StoreFailure>)
    case stored(JobID, [Core])
    case unstored(JobID, [Core], StoreFailure)
    /// A damaged file was set aside; these cores are what is left.
    case repaired(JobID, done: [CoreSet], StoreFailure)
    /// The overviews of a finished job are complete.
    case finalized(JobID, StoreFailure?)
    /// The list of allowed keys has changed.
    case allowListChanged
    case shutdown(keepsWorkers: Bool)
}

/// Why pixels could not be read or kept.
struct StoreFailure: Error, CustomStringConvertible {
    let description: String
    /// Whether the cause is gone, so that the job may go on.
    let isRepaired: Bool

    init(_ error: any Error, isRepaired: Bool = false) {
        description = String(describing: error)
        self.isRepaired = isRepaired
    }
}
