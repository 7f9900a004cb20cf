import Canvas
import Testing

@testable import Scheduling

/// A scheduler with workers that say just what a test lets them say.
struct Desk {
    var scheduler: Scheduler
    var now = Duration.zero
    var actions: [Action] = []

    init(policy: SchedulerPolicy = SchedulerPolicy()) { scheduler = Scheduler(epoch: 1, policy: policy) }

    @discardableResult
    mutating func tell(_ event: Event) -> [Action] {
        let new = scheduler.handle(event, at: now)
        #expect(scheduler.audit() == [])
        actions += new
        return new
    }

    /// Register a worker, and return the leases it gets for its credit.
    mutating func join(_ worker: UInt64, batch: Int = 1, credit: Int = 1, profile: String = "p") -> [Lease] {
        tell(.joined(WorkerID(worker), batch: batch, profile: profile))
        return leases(tell(.credited(WorkerID(worker), windows: credit)))
    }

    func leases(_ actions: [Action]) -> [Lease] {
        actions.compactMap { if case .assign(let lease) = $0 { lease } else { nil } }
    }

    /// Deliver and store every window of a lease, and grant its credit again; return what is leased next.
    mutating func complete(_ lease: Lease, grant: Bool = true) -> [Lease] {
        var new: [Action] = []
        for core in lease.cores {
            new += tell(.received(lease.worker, lease.reference, core))
            new += tell(.stored(lease.job, [core]))
        }
        if grant { new += tell(.credited(lease.worker, windows: lease.cores.count)) }
        return leases(new)
    }

    mutating func fail(_ lease: Lease, _ kind: FailureKind = .window) -> [Action] {
        tell(.failed(lease.worker, lease.reference, lease.cores, kind, reason: "test"))
            + tell(.credited(lease.worker, windows: lease.cores.count))
    }

    /// Let time pass, with a sign of life of these workers.
    mutating func wait(_ time: Duration, workers: UInt64...) -> [Action] {
        var new: [Action] = []
        let end = now + time
        while now < end {
            now += .seconds(1)
            for worker in workers { new += tell(.heard(WorkerID(worker))) }
            new += tell(.ticked)
        }
        return new
    }
}
