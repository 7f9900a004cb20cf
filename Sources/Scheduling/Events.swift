public import Canvas

/// Why a worker gives windows back.
public enum FailureKind: String, Hashable, Sendable, Codable {
    /// The window itself: it counts, and three different workers make the window failed.
    case window
    /// The worker's surroundings (memory, a missing model): does not count against the window, and keeps the worker
    /// off the job for a while.
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
    /// Go on with a paused job; workers that were blocked for it get another chance.
    case resumed(JobID)
    case cancelled(JobID)
    /// Try a job's failed windows again, with every worker.
    case retried(JobID)
    case reprioritized(JobID, Int)
    /// Render these cores (one set a level, the last the finest) and what they depend on before the rest; nil ends that.
    case preferred(JobID, [CoreSet]?)
    /// - Parameter identity: The worker's process, the same in all its sessions; nil takes the session's number.
    case joined(WorkerID, batch: Int, profile: String, identity: UInt64? = nil)
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
    /// Take a lease back: its windows are not wanted any more.
    case revoke(WorkerID, LeaseReference)
    /// Keep the pixels just received; `stored` follows when they are committed.
    case store(JobID, Core)
    /// Drop the pixels just received: the lease they came under is not in force.
    case discard(Core, reason: String)
    /// Break with a worker that fell silent; it may register again.
    case dismiss(WorkerID, reason: String)
    case windowFailed(JobID, Core, reason: String)
    /// A worker gets no more windows of a job.
    case blocked(JobID, WorkerID, reason: String)
    /// Nobody is left that may work on a job; it is paused until it is resumed.
    case stalled(JobID, reason: String)
    /// The job's windows come from this numeric profile alone from now on.
    case pinned(JobID, profile: String)
    /// Every window is stored, failed, or lies behind a failed one.
    case finished(JobID)
}
