public import Canvas
import DequeModule

/// The scheduler: a state machine that takes events and returns actions.
///
/// It holds no socket, file, thread or clock; time comes in with every event, and never runs backwards. Windows become
/// ready when all their parent cores are committed; ready windows are leased finest level first, along a Hilbert curve,
/// so that finished tiles come early and the frontier stays small. A lease is in force until it is completed, failed,
/// withdrawn, beaten by a second one, or its worker is gone; results under any other lease are discarded.
public struct Scheduler: Sendable {
    struct Active: Sendable {
        let lease: Lease
        /// Windows of it that are still wanted.
        var open: Int
        let granted: Instant
        var lastProgress: Instant
        let isRival: Bool
    }

    public let epoch: UInt64
    public let policy: SchedulerPolicy
    let start: Instant
    var jobs: [JobID: JobState] = [:]
    /// Running jobs by priority, then by order of submission.
    var runnable: [JobID] = []
    var workers: [WorkerID: WorkerState] = [:]
    /// Workers with credit that may be given something, longest waiting first.
    var hungry = Deque<WorkerID>()
    /// Workers with credit that may take nothing of what there is; asked again when something else changes.
    var aside: Set<WorkerID> = []
    var leases: [UInt64: Active] = [:]
    private var nextLease: UInt64 = 1

    /// Create a scheduler.
    ///
    /// - Parameters:
    ///   - epoch: The coordinator's session; a restarted coordinator must take a larger one.
    ///   - start: The time now.
    public init(epoch: UInt64, policy: SchedulerPolicy = SchedulerPolicy(), start: Instant = .zero) {
        self.epoch = epoch
        self.policy = policy
        self.start = start
    }

    /// Take one event and return what has to be done, in order.
    ///
    /// - Complexity: O(log frontier) a window, amortised, and O(running jobs) a lease; `submitted` is O(windows of the
    ///   coarser levels), `ticked` O(workers + leases), `left` O(windows it held).
    public mutating func handle(_ event: Event, at now: Instant) -> [Action] {
        var actions: [Action] = []
        let job = apply(event, at: now, &actions)
        dispatch(at: now, &actions)
        if let job {
            finish(job, &actions)
        } else if case .ticked = event {
            for id in runnable { finish(id, &actions) }
        } else if case .left = event {
            for id in runnable { finish(id, &actions) }
        }
        return actions
    }

    /// - Returns: The job that the event may have ended.
    private mutating func apply(_ event: Event, at now: Instant, _ actions: inout [Action]) -> JobID? {
        switch event {
        case .submitted(let id, let plan, let done, let priority, let profile):
            guard jobs[id]?.phase.isOpen != true else { return nil }
            withdrawLeases(of: id, &actions)
            jobs[id] = JobState(id: id, plan: plan, done: done, priority: priority, profile: profile)
            enlist(id)
            return id
        case .paused(let id): setPhase(.paused, of: id)
        case .resumed(let id):
            jobs[id]?.forgiveAll()
            setPhase(.running, of: id)
            return id
        case .cancelled(let id):
            setPhase(.cancelled, of: id)
            if jobs[id]?.phase == .cancelled { withdrawLeases(of: id, &actions) }
        case .retried(let id):
            guard let phase = jobs[id]?.phase, phase != .cancelled else { return nil }
            jobs[id]?.retryFailed()
            jobs[id]?.phase = .running
            enlist(id)
            return id
        case .reprioritized(let id, let priority):
            jobs[id]?.priority = priority
            if runnable.contains(id) { enlist(id) }
        case .preferred(let id, let sets): jobs[id]?.prefer(sets)
        case .joined(let id, let batch, let profile, let identity):
            workers[id] = WorkerState(
                identity: identity ?? id.rawValue, batch: max(1, batch), profile: profile, lastHeard: now)
        case .credited(let id, let windows):
            workers[id]?.credit += max(0, windows)
            workers[id]?.lastHeard = now
            queue(id)
        case .heard(let id): workers[id]?.lastHeard = now
        case .progressed(let id, let reference):
            workers[id]?.lastHeard = now
            if isActive(reference, of: id) { leases[reference.id]?.lastProgress = now }
        case .received(let id, let reference, let core): receive(core, reference, from: id, at: now, &actions)
        case .failed(let id, let reference, let cores, let kind, let reason):
            return fail(cores, reference, of: id, kind, reason, at: now, &actions)
        case .stored(let id, let cores):
            jobs[id]?.commit(cores)
            return id
        case .unstored(let id, let cores):
            jobs[id]?.unstore(cores)
            return id
        case .draining(let id): workers[id]?.isDraining = true
        case .left(let id): release(worker: id, at: now, &actions)
        case .ticked:
            expire(at: now, &actions)
            recall()
            judge(at: now, &actions)
            speculate(at: now, &actions)
        }
        return nil
    }

    // MARK: - Jobs

    private mutating func setPhase(_ phase: JobProgress.Phase, of id: JobID) {
        guard jobs[id]?.phase.isOpen == true else { return }
        jobs[id]?.phase = phase
        enlist(id)
    }

    /// Put a job in its place among those that may be leased from, or take it out.
    mutating func enlist(_ id: JobID) {
        let place = runnable.firstIndex(of: id)
        if let place { runnable.remove(at: place) }
        guard let job = jobs[id], job.phase == .running else { return }
        let priority = job.priority
        let end = runnable.firstIndex { jobs[$0].map { $0.priority < priority } ?? false }
        runnable.insert(id, at: end ?? runnable.count)
        recall()
    }

    private mutating func finish(_ id: JobID, _ actions: inout [Action]) {
        guard let job = jobs[id], job.phase == .running, job.isExhausted else { return }
        jobs[id]?.phase = .finished
        enlist(id)
        actions.append(.finished(id))
    }

    private mutating func withdrawLeases(of id: JobID, _ actions: inout [Action]) {
        for lease in leases.values.filter({ $0.lease.job == id }).map(\.lease).sorted(by: { $0.id < $1.id }) {
            drop(lease.id)
            actions.append(.revoke(lease.worker, lease.reference))
        }
        jobs[id]?.clearLeases()
    }

    // MARK: - Leases

    func isActive(_ reference: LeaseReference, of worker: WorkerID) -> Bool {
        reference.epoch == epoch && leases[reference.id]?.lease.worker == worker
    }

    /// Return the job for which a worker's lease still holds a window; nil where its result would be discarded.
    public func job(of core: Core, under reference: LeaseReference, of worker: WorkerID) -> JobID? {
        guard isActive(reference, of: worker), let job = leases[reference.id]?.lease.job,
            jobs[job]?.flights[core]?.holds(reference.id) == true
        else { return nil }
        return job
    }

    mutating func drop(_ lease: UInt64) {
        guard let active = leases.removeValue(forKey: lease) else { return }
        workers[active.lease.worker]?.leases.remove(lease)
        if active.isRival { jobs[active.lease.job]?.rivalries -= 1 }
    }

    mutating func grant(
        _ cores: [Core], of job: JobID, to worker: WorkerID, isRival: Bool, at now: Instant
    ) -> Lease {
        let lease = Lease(id: nextLease, epoch: epoch, worker: worker, job: job, cores: cores)
        nextLease += 1
        leases[lease.id] = Active(
            lease: lease, open: cores.count, granted: now, lastProgress: now, isRival: isRival)
        workers[worker]?.leases.insert(lease.id)
        workers[worker]?.credit -= cores.count
        return lease
    }

    /// The number that the next lease will have.
    var upcomingLease: UInt64 { nextLease }
}

extension JobProgress.Phase {
    /// Whether the job may still change by itself.
    var isOpen: Bool { self == .running || self == .paused }
}
