import Canvas
import HeapModule

/// The scheduler's whole state, for a bug report; long lists are cut, and their length told.
public struct SchedulerDump: Codable, Sendable {
    public struct Job: Codable, Sendable {
        public var id: JobID
        public var progress: JobProgress?
        public var priority: Int
        public var profile: String
        public var underLease: Int
        public var frontier: Int
        public var retries: Int
        public var secondLeases: Int
        public var blockedWorkers: Int
        public var failedWindows: [String]
        /// Windows that some workers failed, with how many.
        public var blamed: [String: Int]
        /// Seconds from a lease to its results: median, slowest twentieth.
        public var leaseSeconds: [Double]
    }

    public struct Worker: Codable, Sendable {
        public var id: UInt64
        public var credit: Int
        public var leases: [UInt64]
        public var isDraining: Bool
        /// Whether it waits for windows, or may take none of those there are.
        public var isHungry: Bool
        public var isAside: Bool
        public var secondsSinceHeard: Double
        /// Seconds for which it is still kept off a job.
        public var rests: [JobID: Double]
    }

    public struct Lease: Codable, Sendable {
        public var id: UInt64
        public var worker: UInt64
        public var job: JobID
        public var open: Int
        public var windows: [String]
        public var seconds: Double
        public var secondsWithoutProgress: Double
        public var isSecond: Bool
    }

    public var epoch: UInt64
    public var jobs: [Job]
    public var workers: [Worker]
    public var leases: [Lease]
    /// What is wrong with the books.
    public var brokenInvariants: [String]
}

extension Scheduler {
    /// Return the whole state.
    ///
    /// - Parameter limit: The longest list.
    public func dump(at now: Instant, limit: Int = 1000) -> SchedulerDump {
        func seconds(_ duration: Duration) -> Double { duration / .seconds(1) }
        return SchedulerDump(
            epoch: epoch,
            jobs: jobs.values.sorted { $0.id < $1.id }.map { job in
                SchedulerDump.Job(
                    id: job.id, progress: progress(of: job.id), priority: job.priority, profile: "\(job.profile)",
                    underLease: job.leasedCount, frontier: job.frontier.count, retries: job.retries.count,
                    secondLeases: job.rivalries, blockedWorkers: job.blocked.count,
                    failedWindows: job.failed.map(\.description).sorted().prefix(limit).map { $0 },
                    blamed: Dictionary(
                        uniqueKeysWithValues: job.blames.prefix(limit).map { ($0.key.description, $0.value.count) }),
                    leaseSeconds: [0.5, 0.95].compactMap { job.times.quantile($0) }.map(seconds))
            },
            workers: workers.sorted { $0.key < $1.key }.map { id, worker in
                SchedulerDump.Worker(
                    id: id.rawValue, credit: worker.credit, leases: worker.leases.sorted(),
                    isDraining: worker.isDraining, isHungry: worker.isQueued, isAside: worker.isAside,
                    secondsSinceHeard: seconds(now - worker.lastHeard),
                    rests: worker.rests.mapValues { max(0, seconds($0.until - now)) })
            },
            leases: leases.values.sorted { $0.lease.id < $1.lease.id }.map { active in
                SchedulerDump.Lease(
                    id: active.lease.id, worker: active.lease.worker.rawValue, job: active.lease.job,
                    open: active.open, windows: active.lease.cores.map(\.description),
                    seconds: seconds(now - active.granted),
                    secondsWithoutProgress: seconds(now - active.lastProgress), isSecond: active.isRival)
            }, brokenInvariants: audit())
    }
}
