import Canvas
import DequeModule

extension Scheduler {
    /// Let a worker wait for windows.
    mutating func queue(_ id: WorkerID) {
        guard let worker = workers[id], worker.credit > 0, !worker.isDraining, !worker.isQueued else { return }
        // What a worker that stands aside may not take, it may not take with more credit either.
        guard !worker.isAside else { return }
        workers[id]?.isQueued = true
        hungry.append(id)
    }

    /// Ask the workers again that may take nothing of what there was.
    mutating func recall() {
        for id in aside.sorted() {
            workers[id]?.isAside = false
            queue(id)
        }
        aside = []
    }

    /// Lease ready windows, a batch to each worker in turn, while there is credit.
    mutating func dispatch(at now: Instant, _ actions: inout [Action]) {
        while !hungry.isEmpty, runnable.contains(where: { jobs[$0]?.hasWork(at: now) == true }) {
            guard let id = hungry.popFirst() else { return }
            workers[id]?.isQueued = false
            guard workers[id]?.isDraining == false else { continue }
            if let lease = lease(to: id, at: now, &actions) {
                actions.append(.assign(lease))
                queue(id)
            } else if workers[id] != nil {
                workers[id]?.isAside = true
                aside.insert(id)
            }
        }
    }

    private mutating func lease(to id: WorkerID, at now: Instant, _ actions: inout [Action]) -> Lease? {
        guard let worker = workers[id], worker.credit > 0 else { return nil }
        var passedOver: Set<JobID> = []
        while let job = choose(for: worker, at: now, except: passedOver) {
            let (limit, number) = (min(worker.credit, worker.batch), upcomingLease)
            let cores = jobs[job]?.take(limit, for: worker.identity, lease: number, at: now) ?? []
            guard !cores.isEmpty else {
                passedOver.insert(job)
                continue
            }
            if jobs[job]?.profile == .first {
                jobs[job]?.profile = .only(worker.profile)
                actions.append(.pinned(job, profile: worker.profile))
            }
            jobs[job]?.lonelySince = nil
            return grant(cores, of: job, to: id, isRival: false, at: now)
        }
        return nil
    }

    /// Return the job a worker gets windows of: the highest priority, and among equals the one that has least of the
    /// cluster.
    ///
    /// The share is counted in windows under lease, so jobs of unlike windows share the workers' time, not the windows.
    private func choose(for worker: WorkerState, at now: Instant, except passedOver: Set<JobID>) -> JobID? {
        var best: JobID?
        var (priority, least) = (Int.min, Int.max)
        for id in runnable {
            guard let job = jobs[id] else { continue }
            if best != nil, job.priority < priority { break }
            guard job.leasedCount < least, job.hasWork(at: now), mayWork(worker, on: job, at: now),
                passedOver.isEmpty || !passedOver.contains(id)
            else { continue }
            (best, priority, least) = (id, job.priority, job.leasedCount)
        }
        return best
    }

    /// Whether a worker may be given windows of a job at all.
    func mayWork(_ worker: WorkerState, on job: JobState, at now: Instant) -> Bool {
        job.admits(profile: worker.profile) && !worker.isDraining
            && (job.blocked.isEmpty || !job.blocked.contains(worker.identity))
            && (worker.rests.isEmpty || (worker.rests[job.id].map { $0.until <= now } ?? true))
    }

    // MARK: - Speculation

    /// Lease the stragglers of a job's tail a second time, to workers that have nothing else to do.
    mutating func speculate(at now: Instant, _ actions: inout [Action]) {
        guard !hungry.isEmpty, now - start >= policy.grace else { return }
        for id in runnable {
            guard let job = jobs[id], job.frontier.isEmpty,
                Double(job.done) >= policy.speculationStart * Double(job.plan.windowCount),
                let median = job.times.quantile(0.5)
            else { continue }
            let stragglers = leases.values
                .filter { $0.lease.job == id && !$0.isRival && now - $0.granted > median * policy.speculationFactor }
                .sorted { ($0.granted, $0.lease.id) < ($1.granted, $1.lease.id) }
            for straggler in stragglers {
                guard let rivalries = jobs[id]?.rivalries, rivalries < maximumRivalries else { break }
                speculate(on: straggler, at: now, &actions)
            }
        }
    }

    var maximumRivalries: Int { max(1, Int(Double(workers.count) * policy.speculationShare)) }

    private mutating func speculate(on straggler: Active, at now: Instant, _ actions: inout [Action]) {
        let lease = straggler.lease
        guard let job = jobs[lease.job], let slow = workers[lease.worker]?.identity else { return }
        let open = lease.cores.filter { core in
            job.flights[core].map { $0.holds(lease.id) && $0.rival == 0 } ?? false
        }
        guard !open.isEmpty else { return }
        let chosen = hungry.first { id in
            guard let worker = workers[id], worker.identity != slow, worker.credit > 0 else { return false }
            return mayWork(worker, on: job, at: now)
                && open.contains { job.blames[$0]?.contains(worker.identity) != true }
        }
        guard let chosen, let worker = workers[chosen] else { return }
        let cores = open.filter { job.blames[$0]?.contains(worker.identity) != true }
            .prefix(min(worker.credit, worker.batch))
        let number = upcomingLease
        jobs[lease.job]?.rival(Array(cores), lease: number)
        actions.append(.assign(grant(Array(cores), of: lease.job, to: chosen, isRival: true, at: now)))
        if workers[chosen]?.credit == 0 {
            hungry.removeAll { $0 == chosen }
            workers[chosen]?.isQueued = false
        }
    }
}
