import Canvas
import DequeModule
import HeapModule

extension Scheduler {
    mutating func receive(
        _ core: Core, _ reference: LeaseReference, from id: WorkerID, at now: Instant, _ actions: inout [Action]
    ) {
        workers[id]?.lastHeard = now
        guard isActive(reference, of: id), let active = leases[reference.id] else {
            actions.append(
                .discard(core, reason: "lease \(reference.id) of epoch \(reference.epoch) is not in force"))
            return
        }
        let job = active.lease.job
        guard let beaten = jobs[job]?.land(core, lease: reference.id) else {
            actions.append(
                .discard(core, reason: "lease \(reference.id) does not hold window \(core), or it came before"))
            return
        }
        let time = now - active.granted
        jobs[job]?.times.add(time)
        if let worker = workers[id] {
            jobs[job]?.forgive(worker.identity)
            if time > worker.slowest { workers[id]?.slowest = time }
            if !worker.rests.isEmpty { workers[id]?.rests[job] = nil }
        }
        leases[reference.id]?.lastProgress = now
        close(1, of: reference.id)
        actions.append(.store(job, core))
        if beaten != 0 { close(1, of: beaten, revoking: &actions) }
    }

    /// Count windows of a lease as settled; it ends with the last.
    private mutating func close(_ windows: Int, of lease: UInt64) {
        guard let open = leases[lease]?.open else { return }
        if open <= windows { drop(lease) } else { leases[lease]?.open = open - windows }
    }

    /// Count windows of a lease as won by another; its worker is told when none is left.
    private mutating func close(_ windows: Int, of lease: UInt64, revoking actions: inout [Action]) {
        guard let active = leases[lease] else { return }
        close(windows, of: lease)
        if leases[lease] == nil { actions.append(.revoke(active.lease.worker, active.lease.reference)) }
    }

    /// - Returns: The job whose windows failed.
    mutating func fail(
        _ cores: [Core], _ reference: LeaseReference, of id: WorkerID, _ kind: FailureKind, _ reason: String,
        at now: Instant, _ actions: inout [Action]
    ) -> JobID? {
        workers[id]?.lastHeard = now
        guard isActive(reference, of: id), let job = leases[reference.id]?.lease.job, let worker = workers[id] else {
            return nil
        }
        var held = 0
        for core in Set(cores).sorted(by: { ($0.level, $0.row, $0.column) < ($1.level, $1.row, $1.column) }) {
            guard jobs[job]?.flights[core]?.holds(reference.id) == true else { continue }
            held += 1
            let isMine = jobs[job]?.release(core, lease: reference.id) == true
            switch kind {
            case .returned, .environment: if isMine { jobs[job]?.giveBack(core) }
            case .window: blame(core, of: job, on: worker.identity, isMine: isMine, reason, at: now, &actions)
            }
        }
        close(held, of: reference.id)
        guard held > 0 else { return job }
        switch kind {
        case .returned: break
        case .environment: workers[id]?.rest(from: job, at: now, policy)
        case .window: strike(id, for: job, "it failed \(policy.strikes) times in a row, last: \(reason)", &actions)
        }
        return job
    }

    private mutating func blame(
        _ core: Core, of job: JobID, on identity: UInt64, isMine: Bool, _ reason: String, at now: Instant,
        _ actions: inout [Action]
    ) {
        let giveUp = jobs[job]?.blame(core, on: identity, limit: policy.attempts) == true
        // While another lease runs, its result decides.
        guard isMine else { return }
        if giveUp {
            jobs[job]?.giveUp(core)
            actions.append(.windowFailed(job, core, reason: reason))
        } else {
            let failures = jobs[job]?.blames[core]?.count ?? 1
            jobs[job]?.retry(core, due: now + policy.wait(after: failures))
        }
    }

    private mutating func strike(_ id: WorkerID, for job: JobID, _ reason: String, _ actions: inout [Action]) {
        guard let identity = workers[id]?.identity else { return }
        if jobs[job]?.strike(identity, limit: policy.strikes) == true {
            actions.append(.blocked(job, id, reason: reason))
        }
    }

    // MARK: - Loss

    /// Forget a worker that is gone; others get its windows.
    mutating func release(worker id: WorkerID, at now: Instant, _ actions: inout [Action]) {
        guard let worker = workers.removeValue(forKey: id) else { return }
        if worker.isQueued { hungry.removeAll { $0 == id } }
        aside.remove(id)
        for lease in worker.leases.sorted() {
            guard let active = leases[lease] else { continue }
            if active.isRival { jobs[active.lease.job]?.rivalries -= 1 }
            leases[lease] = nil
            for core in active.lease.cores { lose(core, of: active.lease, at: now, &actions) }
        }
    }

    private mutating func lose(_ core: Core, of lease: Lease, at now: Instant, _ actions: inout [Action]) {
        guard jobs[lease.job]?.release(core, lease: lease.id) == true,
            let loss = jobs[lease.job]?.lose(core, limit: policy.losses)
        else { return }
        if loss.giveUp {
            jobs[lease.job]?.giveUp(core)
            actions.append(
                .windowFailed(lease.job, core, reason: "\(loss.count) workers were lost while they had it"))
        } else if loss.count == 1 {
            jobs[lease.job]?.giveBack(core)
        } else {
            jobs[lease.job]?.retry(core, due: now + policy.wait(after: loss.count - 1))
        }
    }

    /// Break with workers that are silent or whose computation stands still, and withdraw leases that never end.
    mutating func expire(at now: Instant, _ actions: inout [Action]) {
        var lost: [WorkerID: String] = [:]
        for (id, worker) in workers where now - worker.lastHeard > policy.silence {
            lost[id] = "nothing heard for \(now - worker.lastHeard)"
        }
        var limits: [JobID: (progress: Duration, age: Duration)] = [:]
        var endless: [Active] = []
        var stalled: [WorkerID: Active] = [:]
        for active in leases.values {
            let id = active.lease.job
            let limit = limits[id] ?? limit(of: id)
            limits[id] = limit
            if now - active.lastProgress > limit.progress {
                // A dictionary's order is nobody's: of several, the oldest lease is blamed.
                let known = stalled[active.lease.worker]
                if known.map({ active.lease.id < $0.lease.id }) ?? true { stalled[active.lease.worker] = active }
            } else if now - active.granted > max(limit.age, age(of: active.lease.worker)) {
                endless.append(active)
            }
        }
        for (id, active) in stalled {
            lost[id] = "lease \(active.lease.id) made no progress for \(now - active.lastProgress)"
        }
        for (id, reason) in lost.sorted(by: { $0.key < $1.key }) {
            if let job = stalled[id]?.lease.job { strike(id, for: job, "it hangs: \(reason)", &actions) }
            release(worker: id, at: now, &actions)
            actions.append(.dismiss(id, reason: reason))
        }
        for active in endless.sorted(by: { $0.lease.id < $1.lease.id }) where leases[active.lease.id] != nil {
            withdraw(active, at: now, &actions)
        }
    }

    private func limit(of job: JobID) -> (progress: Duration, age: Duration) {
        let times = jobs[job]?.times
        let enough = (times?.samples ?? 0) >= 8
        let progress = times?.quantile(0.5).map { $0 * policy.progressFactor } ?? policy.progressBounds.lowerBound
        let age = times?.quantile(0.99).map { $0 * policy.ageFactor } ?? policy.ageBounds.upperBound
        return (
            progress.clamped(to: policy.progressBounds),
            enough ? age.clamped(to: policy.ageBounds) : policy.ageBounds.upperBound
        )
    }

    private func age(of worker: WorkerID) -> Duration {
        min((workers[worker]?.slowest ?? .zero) * policy.ageFactor, policy.ageBounds.upperBound)
    }

    /// Take a lease back from a worker that goes on and on.
    private mutating func withdraw(_ active: Active, at now: Instant, _ actions: inout [Action]) {
        let lease = active.lease
        for core in lease.cores where jobs[lease.job]?.release(core, lease: lease.id) == true {
            jobs[lease.job]?.giveBack(core)
        }
        drop(lease.id)
        actions.append(.revoke(lease.worker, lease.reference))
        strike(lease.worker, for: lease.job, "its leases do not end, the last after \(now - active.granted)", &actions)
    }

    // MARK: - Verdicts

    /// Decide what no worker that is here may take: after a while, its windows are failed, or the job is paused.
    mutating func judge(at now: Instant, _ actions: inout [Action]) {
        guard now - start >= policy.grace, !workers.isEmpty else { return }
        for id in runnable {
            guard let job = jobs[id], job.flights.isEmpty, job.hasWork(at: now) else {
                jobs[id]?.lonelySince = nil
                continue
            }
            let present = workers.values.filter { !$0.isDraining && job.admits(profile: $0.profile) }
            let able = present.filter { !job.blocked.contains($0.identity) }
            let isStuck =
                !present.isEmpty
                && (able.isEmpty
                    || job.frontier.isEmpty
                        && job.retries.unordered.allSatisfy { retry in
                            retry.due <= now
                                && able.allSatisfy { job.blames[retry.core]?.contains($0.identity) == true }
                        })
            guard isStuck else {
                jobs[id]?.lonelySince = nil
                continue
            }
            guard let since = job.lonelySince else {
                jobs[id]?.lonelySince = now
                continue
            }
            guard now - since >= policy.solitude else { continue }
            if able.isEmpty {
                jobs[id]?.phase = .paused
                actions.append(
                    .stalled(id, reason: "every worker that could work on it kept failing (\(present.count) blocked)"))
            } else {
                for core in jobs[id]?.giveUpRetries() ?? [] {
                    actions.append(.windowFailed(id, core, reason: "every worker that is here failed it"))
                }
            }
        }
        for case .stalled(let id, _) in actions { enlist(id) }
    }
}

extension Comparable {
    func clamped(to bounds: ClosedRange<Self>) -> Self { min(max(self, bounds.lowerBound), bounds.upperBound) }
}
