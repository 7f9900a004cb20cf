public import Canvas

/// Why a worker gives windows back.
public enum FailureKind: Hashable, Sendable {
    /// The window itself: it counts, and three of them make the window failed.
    case window
    /// The worker's surroundings (memory, a missing model): does not count against the window.
    case environment
    /// Handed back unharmed, by a worker that drains.
    case returned
}

/// Which numeric profile a job's windows must come from.
public enum ProfileRule: Hashable, Sendable {
    case any
    /// The profile of the worker that gets the job's first lease.
    case first
    case only(String)
}

/// What happened outside the scheduler.
public enum Event: Sendable {
    /// A job, new or handed in again after it was finished or cancelled; it is passed over while it runs.
    case submitted(JobID, plan: Plan, done: [CoreSet], priority: Int, profile: ProfileRule = .any)
    case paused(JobID)
    case resumed(JobID)
    case cancelled(JobID)
    case joined(WorkerID, batch: Int, profile: String)
    case credited(WorkerID, windows: Int)
    case heard(WorkerID)
    case progressed(WorkerID, LeaseReference)
    case received(WorkerID, LeaseReference, Core)
    case failed(WorkerID, LeaseReference, [Core], FailureKind, reason: String)
    case stored(JobID, [Core])
    /// Storing was refused for a reason that may pass (a full disk): the windows are to be rendered again.
    case unstored(JobID, [Core])
    case draining(WorkerID)
    case left(WorkerID)
    case ticked
}

/// What the shell has to do.
public enum Action: Hashable, Sendable {
    case assign(Lease)
    /// Keep the pixels just received; `stored` follows when they are committed.
    case store(JobID, Core)
    /// Drop the pixels just received: the lease they came under is not in force.
    case discard(Core, reason: String)
    /// Break with a worker that fell silent; it may register again.
    case dismiss(WorkerID, reason: String)
    case windowFailed(JobID, Core, reason: String)
    /// The job's windows come from this numeric profile alone from now on.
    case pinned(JobID, profile: String)
    /// Every window is stored, failed, or lies behind a failed one.
    case finished(JobID)
}

/// The limits a scheduler works by.
public struct SchedulerPolicy: Hashable, Sendable {
    /// A worker unheard for this long is lost, and its leases with it.
    public var silence: Duration = .seconds(20)
    /// A lease without progress for this long is withdrawn, at the least.
    public var leaseFloor: Duration = .seconds(120)
    /// … and this many times the slowest window time seen.
    public var leaseFactor = 10.0
    /// So many failures make a window failed.
    public var attempts = 3
    /// The wait after a worker's first environment failure; it doubles with each further one.
    public var backoff: Duration = .seconds(5)

    public init() {}
}
