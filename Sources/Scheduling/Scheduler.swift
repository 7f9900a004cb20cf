import Canvas

/// The scheduler: a state machine that takes events and returns actions.
///
/// It holds no socket, file, thread or clock; time comes in with every event. Windows become ready when all their
/// parent cores are committed; ready windows are leased finest level first, along a Hilbert curve, so that finished
/// tiles come early and the frontier stays small. A lease is in force until it is completed, failed, withdrawn for
/// lack of progress, or its worker is gone; results under any other lease are discarded.
public struct Scheduler: Sendable {
    private struct Worker {
        var batch: Int
        var profile: String
        var credit = 0
        var isDraining = false
        var lastHeard: Instant
        var environmentFailures = 0
        var restsUntil = Instant.zero
    }

    struct Active {
        var lease: Lease
        var open: Set<Core>
        var lastProgress: Instant
    }

    public let epoch: UInt64
    public let policy: SchedulerPolicy
    var jobs: [JobID: JobState] = [:]
    /// Jobs by priority, then by order of submission.
    private var order: [JobID] = []
    private var workers: [WorkerID: Worker] = [:]
    var leases: [UInt64: Active] = [:]
    private var nextLease: UInt64 = 1
    private var slowestWindow = Duration.zero

    /// Create a scheduler.
    ///
    /// - Parameter epoch: The coordinator's session; a restarted coordinator must take a larger one.
    public init(epoch: UInt64, policy: SchedulerPolicy = SchedulerPolicy()) {
        self.epoch = epoch
        self.policy = policy
    }

    /// Take one event and return what has to be done, in order.
    ///
    /// - Complexity: O(1) a window, apart from `submitted` (O(windows already stored)) and `ticked` (O(leases)).
    public mutating func handle(_ event: Event, at now: Instant) -> [Action] {
        var actions = apply(event, at: now)
        actions += dispatch(at: now)
        actions += finishJobs()
        return actions
    }

    private mutating func apply(_ event: Event, at now: Instant) -> [Action] {
        switch event {
        case .submitted(let id, let plan, let done, let priority, let profile):
            let former = jobs[id]?.phase
            guard former != .running, former != .paused else { return [] }
            jobs[id] = JobState(id: id, plan: plan, done: done, priority: priority, profile: profile)
            order.removeAll { $0 == id }
            let place = order.firstIndex { jobs[$0].map { $0.priority < priority } ?? false }
            order.insert(id, at: place ?? order.count)
        case .paused(let id): setPhase(.paused, of: id)
        case .resumed(let id): setPhase(.running, of: id)
        case .cancelled(let id): setPhase(.cancelled, of: id)
        case .joined(let id, let batch, let profile):
            workers[id] = Worker(batch: max(1, batch), profile: profile, lastHeard: now)
        case .credited(let id, let windows):
            workers[id]?.credit += max(0, windows)
            workers[id]?.lastHeard = now
        case .heard(let id): workers[id]?.lastHeard = now
        case .progressed(let id, let reference):
            workers[id]?.lastHeard = now
            if active(reference, of: id) != nil { leases[reference.id]?.lastProgress = now }
        case .received(let id, let reference, let core): return receive(core, reference, from: id, at: now)
        case .failed(let id, let reference, let cores, let kind, let reason):
            return fail(cores, reference, of: id, kind, reason, at: now)
        case .stored(let id, let cores): jobs[id]?.commit(cores)
        case .unstored(let id, let cores): jobs[id]?.restore(cores)
        case .draining(let id): workers[id]?.isDraining = true
        case .left(let id): release(worker: id)
        case .ticked: return expire(at: now)
        }
        return []
    }

    private mutating func setPhase(_ phase: JobProgress.Phase, of id: JobID) {
        guard let current = jobs[id]?.phase, current == .running || current == .paused else { return }
        jobs[id]?.phase = phase
    }

    private func active(_ reference: LeaseReference, of worker: WorkerID) -> Active? {
        guard reference.epoch == epoch, let found = leases[reference.id], found.lease.worker == worker else {
            return nil
        }
        return found
    }

    private mutating func receive(
        _ core: Core, _ reference: LeaseReference, from worker: WorkerID, at now: Instant
    ) -> [Action] {
        workers[worker]?.lastHeard = now
        guard let found = active(reference, of: worker) else {
            return [.discard(core, reason: "lease \(reference.id) of epoch \(reference.epoch) is not in force")]
        }
        guard found.open.contains(core) else {
            return [.discard(core, reason: "lease \(reference.id) does not hold window \(core), or it came before")]
        }
        slowestWindow = max(slowestWindow, now - found.lastProgress)
        leases[reference.id]?.lastProgress = now
        close([core], of: reference.id)
        workers[worker]?.environmentFailures = 0
        return [.store(found.lease.job, core)]
    }

    private mutating func fail(
        _ cores: [Core], _ reference: LeaseReference, of worker: WorkerID, _ kind: FailureKind, _ reason: String,
        at now: Instant
    ) -> [Action] {
        workers[worker]?.lastHeard = now
        guard let found = active(reference, of: worker) else { return [] }
        let job = found.lease.job
        let held = cores.filter(found.open.contains)
        close(held, of: reference.id)
        switch kind {
        case .returned: jobs[job]?.restore(held)
        case .environment:
            jobs[job]?.restore(held)
            if let count = workers[worker]?.environmentFailures {
                workers[worker]?.environmentFailures = min(count + 1, 6)
                workers[worker]?.restsUntil = now + policy.backoff * (1 << count)
            }
        case .window:
            return held.compactMap { core in
                jobs[job]?.fail(core, by: worker, limit: policy.attempts) == true
                    ? .windowFailed(job, core, reason: reason) : nil
            }
        }
        return []
    }

    private mutating func close(_ cores: [Core], of lease: UInt64) {
        leases[lease]?.open.subtract(cores)
        if leases[lease]?.open.isEmpty == true { leases[lease] = nil }
    }

    private mutating func release(worker: WorkerID) {
        workers[worker] = nil
        for found in leases.values.filter({ $0.lease.worker == worker }) { withdraw(found) }
    }

    private mutating func withdraw(_ found: Active) {
        leases[found.lease.id] = nil
        jobs[found.lease.job]?.restore(found.lease.cores.filter(found.open.contains))
    }

    private mutating func expire(at now: Instant) -> [Action] {
        var lost: [WorkerID: String] = [:]
        for (id, worker) in workers where now - worker.lastHeard > policy.silence {
            lost[id] = "nothing heard for \(now - worker.lastHeard)"
        }
        let patience = max(policy.leaseFloor, slowestWindow * policy.leaseFactor)
        for found in leases.values where now - found.lastProgress > patience {
            lost[found.lease.worker] = "lease \(found.lease.id) made no progress for \(now - found.lastProgress)"
        }
        for id in lost.keys { release(worker: id) }
        return lost.sorted { $0.key < $1.key }.map { .dismiss($0.key, reason: $0.value) }
    }

    private mutating func finishJobs() -> [Action] {
        var actions: [Action] = []
        for id in order {
            guard let job = jobs[id], job.phase == .running, job.isExhausted else { continue }
            jobs[id]?.phase = .finished
            actions.append(.finished(id))
        }
        return actions
    }

    /// Lease ready windows, a batch to each worker in turn, while there is credit.
    private mutating func dispatch(at now: Instant) -> [Action] {
        var actions: [Action] = []
        var gave = true
        while gave {
            gave = false
            for id in workers.keys.sorted() {
                guard let lease = lease(to: id, at: now) else { continue }
                if jobs[lease.job]?.profile == .first, let profile = workers[id]?.profile {
                    jobs[lease.job]?.profile = .only(profile)
                    actions.append(.pinned(lease.job, profile: profile))
                }
                actions.append(.assign(lease))
                gave = true
            }
        }
        return actions
    }

    private mutating func lease(to id: WorkerID, at now: Instant) -> Lease? {
        guard let worker = workers[id], worker.credit > 0, !worker.isDraining, worker.restsUntil <= now else {
            return nil
        }
        let eligible = Set(workers.filter { !$0.value.isDraining }.keys)
        for job in order {
            guard jobs[job].map({ $0.hasReady && $0.admits(profile: worker.profile) }) == true else { continue }
            let cores =
                jobs[job]?.take(min(worker.credit, worker.batch)) { _, blamed in
                    !blamed.contains(id) || eligible.isSubset(of: blamed)
                } ?? []
            guard !cores.isEmpty else { continue }
            let lease = Lease(id: nextLease, epoch: epoch, worker: id, job: job, cores: cores)
            nextLease += 1
            leases[lease.id] = Active(lease: lease, open: Set(cores), lastProgress: now)
            workers[id]?.credit -= cores.count
            return lease
        }
        return nil
    }
}
