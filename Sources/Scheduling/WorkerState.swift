/// What the scheduler knows of one worker's session.
struct WorkerState: Sendable {
    /// How long a worker stays off a job whose surroundings failed it.
    struct Rest {
        var failures: Int
        var until: Instant
    }

    /// The worker's process: blame outlives its sessions.
    let identity: UInt64
    let batch: Int
    let profile: String
    var credit = 0
    var isDraining = false
    var lastHeard: Instant
    var leases: Set<UInt64> = []
    var rests: [JobID: Rest] = [:]
    /// The longest time from a lease to a result.
    var slowest = Duration.zero
    /// Whether it stands in the queue of workers that may be given something.
    var isQueued = false
    /// Whether it was offered what there is, and may take none of it.
    var isAside = false

    mutating func rest(from job: JobID, at now: Instant, _ policy: SchedulerPolicy) {
        let failures = (rests[job]?.failures ?? 0) + 1
        rests[job] = Rest(failures: failures, until: now + policy.wait(after: failures))
    }
}
