internal import Canvas
internal import Wire

/// What a worker knows between a `Welcome` and the loss of that coordinator.
struct Session {
    struct Lease {
        var cores: [Core]
        /// Places of windows without an outcome.
        var open: Set<Int>
    }

    /// Descriptions of jobs that a worker keeps; the oldest goes first.
    static let jobLimit = 256

    let heartbeat: Duration
    var lastHeard: ContinuousClock.Instant
    var nextHeartbeat: ContinuousClock.Instant
    var lastProgress: ContinuousClock.Instant?
    /// Windows the coordinator may still send.
    var credit = 0
    var leases: [LeaseKey: Lease] = [:]
    private(set) var jobs: [String: JobDescription] = [:]
    private var jobOrder: [String] = []
    /// Windows whose model is not here yet.
    var waiting: [ModelDigest: [QueuedWindow]] = [:]
    var download: Download?
    /// How often a model was fetched, or found to be damaged.
    var attempts: [ModelDigest: Int] = [:]

    /// A model on its way.
    struct Download {
        var model: ModelDownload
        var lastChunk: ContinuousClock.Instant
        var stalls = 0
    }

    init(heartbeat: Duration, now: ContinuousClock.Instant) {
        self.heartbeat = heartbeat
        lastHeard = now
        nextHeartbeat = now
    }

    mutating func remember(_ job: JobDescription) {
        if jobs.updateValue(job, forKey: job.jobID) == nil { jobOrder.append(job.jobID) }
        while jobOrder.count > Self.jobLimit { jobs[jobOrder.removeFirst()] = nil }
    }

    /// Note the outcome of a window; false where nobody waits for it any more.
    mutating func resolve(_ window: QueuedWindow) -> Bool {
        guard leases[window.lease]?.open.remove(window.index) != nil else { return false }
        if leases[window.lease]?.open.isEmpty == true { leases[window.lease] = nil }
        return true
    }

    func isOpen(_ window: QueuedWindow) -> Bool {
        leases[window.lease]?.open.contains(window.index) == true
    }
}
