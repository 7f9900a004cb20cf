import Canvas
import DequeModule
import HeapModule

/// How far a job is, level by level.
public struct JobProgress: Hashable, Sendable, Codable {
    public struct Level: Hashable, Sendable, Codable {
        public var level: Int
        public var planned: Int
        public var done: Int
        public var failed: Int
    }

    public enum Phase: String, Hashable, Sendable, Codable {
        case running, paused, cancelled, finished
    }

    public var phase: Phase
    public var inFlight: Int
    public var levels: [Level]

    public var planned: Int { levels.reduce(0) { $0 + $1.planned } }
    public var done: Int { levels.reduce(0) { $0 + $1.done } }
    public var failed: Int { levels.reduce(0) { $0 + $1.failed } }
    /// Windows of a finished job that lie behind a failed one.
    public var unreachable: Int { phase == .finished ? planned - done - failed : 0 }
}

extension Scheduler {
    /// Return how far a job is.
    public func progress(of id: JobID) -> JobProgress? {
        guard let job = jobs[id] else { return nil }
        return JobProgress(
            phase: job.phase, inFlight: job.flights.count,
            levels: (1...job.plan.levels).map {
                JobProgress.Level(
                    level: $0, planned: job.plan.sets[$0].count, done: job.doneCounts[$0],
                    failed: job.failedCounts[$0])
            })
    }

    /// The leases in force, by id.
    public var activeLeases: [Lease] {
        leases.values.map(\.lease).sorted { $0.id < $1.id }
    }

    /// What keeps memory, in entries that grow with the work in hand rather than with the job.
    public var footprint: Int {
        leases.count + workers.count + hungry.count + aside.count
            + jobs.values.reduce(0) {
                $0 + $1.flights.count + $1.frontier.count + $1.retries.count + $1.blames.count + $1.failed.count
                    + $1.strikes.count + $1.blocked.count
            }
    }

    /// Return what is wrong with the scheduler's own books; nothing, unless it has an error.
    ///
    /// - Complexity: O(workers + leases + windows in flight).
    public func audit() -> [String] {
        var wrong: [String] = []
        for (id, worker) in workers {
            if worker.credit < 0 { wrong.append("\(id) has a credit of \(worker.credit)") }
            for lease in worker.leases where leases[lease]?.lease.worker != id {
                wrong.append("\(id) holds lease \(lease), which is not in force for it")
            }
        }
        var held: [UInt64: Int] = [:]
        for (id, job) in jobs {
            var leased = 0
            for (core, flight) in job.flights {
                if job.isStored(core) { wrong.append("window \(core) of \(id) is stored and in flight") }
                guard !flight.isStoring else { continue }
                leased += 1
                for lease in [flight.lease, flight.rival] where lease != 0 {
                    held[lease, default: 0] += 1
                    if leases[lease]?.lease.job != id {
                        wrong.append("window \(core) of \(id) is under lease \(lease), which is not in force")
                    }
                }
            }
            if leased != job.leasedCount {
                wrong.append("\(id) counts \(job.leasedCount) windows under lease, and has \(leased)")
            }
            for (level, count) in job.doneCounts.enumerated() where count > job.plan.sets[level].count {
                wrong.append(
                    "\(id) counts \(count) windows of level \(level) as done, of \(job.plan.sets[level].count)")
            }
        }
        for (id, active) in leases {
            if held[id, default: 0] != active.open {
                wrong.append("lease \(id) counts \(active.open) open windows, and has \(held[id, default: 0])")
            }
            if workers[active.lease.worker]?.leases.contains(id) != true {
                wrong.append("lease \(id) belongs to \(active.lease.worker), which does not hold it")
            }
        }
        return wrong.sorted()
    }
}
