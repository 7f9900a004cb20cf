import Canvas

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
}

extension Scheduler {
    /// Return how far a job is.
    public func progress(of id: JobID) -> JobProgress? {
        guard let job = jobs[id] else { return nil }
        return JobProgress(
            phase: job.phase, inFlight: job.inFlight.count,
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
}
