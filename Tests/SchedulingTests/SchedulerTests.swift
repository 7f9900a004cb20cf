import Canvas
import Scheduling
import Testing

@Suite struct SchedulerTests {
    static let canvas = Canvas(surface: .webMercator, baseZoom: 5)

    static func plan(levels: Int = 2) throws -> Plan {
        try Plan(
            region: .box(west: 7, south: 45, east: 10, north: 46.5), levels: levels, canvas: canvas)
    }

    @Test func finestReadyWindowsComeFirst() throws {
        let plan = try Self.plan()
        var scheduler = Scheduler(epoch: 1)
        let worker = WorkerID(1)
        _ = scheduler.handle(.submitted("a", plan: plan, done: [], priority: 0), at: .zero)
        _ = scheduler.handle(.joined(worker, batch: 1, profile: "p"), at: .zero)
        var levels: [Int] = []
        var pending = scheduler.handle(.credited(worker, windows: 1), at: .zero)
        while let action = pending.popLast() {
            guard case .assign(let lease) = action else { continue }
            let core = try #require(lease.cores.first)
            levels.append(core.level)
            let reference = LeaseReference(id: lease.id, epoch: lease.epoch)
            _ = scheduler.handle(.received(worker, reference, core), at: .zero)
            _ = scheduler.handle(.stored("a", [core]), at: .zero)
            pending = scheduler.handle(.credited(worker, windows: 1), at: .zero)
        }
        #expect(levels.count == plan.windowCount)
        let firstFine = try #require(levels.firstIndex(of: 2))
        #expect(firstFine < plan.sets[1].count, "no barrier: fine windows start before the coarse level ends")
        #expect(try #require(levels.lastIndex(of: 1)) > firstFine)
    }

    @Test func resultsUnderAnotherLeaseAreDiscarded() throws {
        let plan = try Self.plan()
        var scheduler = Scheduler(epoch: 5)
        _ = scheduler.handle(.submitted("a", plan: plan, done: [], priority: 0), at: .zero)
        for id in [1, 2] as [UInt64] {
            _ = scheduler.handle(.joined(WorkerID(id), batch: 2, profile: "p"), at: .zero)
        }
        let actions = scheduler.handle(.credited(WorkerID(1), windows: 2), at: .zero)
        guard case .assign(let lease) = try #require(actions.first) else {
            Issue.record("no lease")
            return
        }
        let core = lease.cores[0]
        let wrong: [(WorkerID, LeaseReference)] = [
            (WorkerID(2), LeaseReference(id: lease.id, epoch: 5)),
            (WorkerID(1), LeaseReference(id: lease.id, epoch: 4)),
            (WorkerID(1), LeaseReference(id: lease.id + 1, epoch: 5)),
        ]
        for (worker, reference) in wrong {
            let answer = scheduler.handle(.received(worker, reference, core), at: .zero)
            guard case .discard = try #require(answer.first) else {
                Issue.record("accepted a result under another lease")
                continue
            }
        }
        let reference = LeaseReference(id: lease.id, epoch: 5)
        #expect(scheduler.handle(.received(WorkerID(1), reference, core), at: .zero).first == .store("a", core))
        guard case .discard = try #require(scheduler.handle(.received(WorkerID(1), reference, core), at: .zero).first)
        else {
            Issue.record("accepted the same result twice")
            return
        }
    }

    @Test func silentWorkersLoseTheirLeases() throws {
        let plan = try Self.plan()
        var scheduler = Scheduler(epoch: 1)
        _ = scheduler.handle(.submitted("a", plan: plan, done: [], priority: 0), at: .zero)
        _ = scheduler.handle(.joined(WorkerID(1), batch: 2, profile: "p"), at: .zero)
        let first = scheduler.handle(.credited(WorkerID(1), windows: 2), at: .zero)
        guard case .assign(let lease) = try #require(first.first) else { return }
        _ = scheduler.handle(.joined(WorkerID(2), batch: 2, profile: "p"), at: .seconds(15))
        let after = scheduler.handle(.ticked, at: .seconds(21))
        guard case .dismiss(WorkerID(1), _) = try #require(after.first) else {
            Issue.record("the silent worker was kept")
            return
        }
        let again = scheduler.handle(.credited(WorkerID(2), windows: 2), at: .seconds(22))
        guard case .assign(let retry) = try #require(again.first) else { return }
        #expect(Set(retry.cores) == Set(lease.cores))
        #expect(retry.id != lease.id)
    }

    @Test func aFinishedJobNeedsNoWorker() throws {
        let plan = try Self.plan()
        var scheduler = Scheduler(epoch: 1)
        let actions = scheduler.handle(.submitted("a", plan: plan, done: plan.sets, priority: 0), at: .zero)
        #expect(actions == [.finished("a")])
        #expect(scheduler.progress(of: "a")?.done == plan.windowCount)
    }

    @Test func environmentFailuresDoNotCountAgainstWindows() throws {
        let plan = try Self.plan()
        var scheduler = Scheduler(epoch: 1)
        var now = Duration.zero
        _ = scheduler.handle(.submitted("a", plan: plan, done: [], priority: 0), at: now)
        _ = scheduler.handle(.joined(WorkerID(1), batch: 1, profile: "p"), at: now)
        var actions = scheduler.handle(.credited(WorkerID(1), windows: 1), at: now)
        for _ in 0..<10 {
            guard case .assign(let lease) = try #require(actions.first) else { return }
            let reference = LeaseReference(id: lease.id, epoch: lease.epoch)
            actions = scheduler.handle(
                .failed(WorkerID(1), reference, lease.cores, .environment, reason: "out of memory"), at: now)
            #expect(actions.isEmpty, "a worker with a broken environment rests")
            now += .seconds(1000)
            actions = scheduler.handle(.credited(WorkerID(1), windows: 1), at: now)
        }
        #expect(scheduler.progress(of: "a")?.failed == 0)
    }

    @Test func pausedJobsLeaseNothing() throws {
        let plan = try Self.plan()
        var scheduler = Scheduler(epoch: 1)
        _ = scheduler.handle(.submitted("a", plan: plan, done: [], priority: 0), at: .zero)
        _ = scheduler.handle(.paused("a"), at: .zero)
        _ = scheduler.handle(.joined(WorkerID(1), batch: 1, profile: "p"), at: .zero)
        #expect(scheduler.handle(.credited(WorkerID(1), windows: 1), at: .zero) == [])
        guard case .assign = try #require(scheduler.handle(.resumed("a"), at: .zero).first) else {
            Issue.record("resuming leased nothing")
            return
        }
    }

    @Test func exactJobsAdmitOneNumericProfile() throws {
        let plan = try Self.plan()
        var scheduler = Scheduler(epoch: 1)
        _ = scheduler.handle(.submitted("a", plan: plan, done: [], priority: 0, profile: .first), at: .zero)
        for (id, profile) in [(1, "p"), (2, "q"), (3, "p")] {
            _ = scheduler.handle(.joined(WorkerID(UInt64(id)), batch: 1, profile: profile), at: .zero)
        }
        let first = scheduler.handle(.credited(WorkerID(1), windows: 1), at: .zero)
        #expect(first.first == .pinned("a", profile: "p"))
        #expect(scheduler.handle(.credited(WorkerID(2), windows: 1), at: .zero) == [])
        guard case .assign = try #require(scheduler.handle(.credited(WorkerID(3), windows: 1), at: .zero).first) else {
            Issue.record("a worker of the same profile got nothing")
            return
        }
    }

    @Test func aJobThatIsOverCanBeHandedInAgain() throws {
        let plan = try Self.plan()
        var scheduler = Scheduler(epoch: 1)
        let worker = WorkerID(1)
        _ = scheduler.handle(.submitted("a", plan: plan, done: [], priority: 0), at: .zero)
        _ = scheduler.handle(.cancelled("a"), at: .zero)
        _ = scheduler.handle(.joined(worker, batch: 1, profile: "p"), at: .zero)
        #expect(scheduler.handle(.credited(worker, windows: 1), at: .zero) == [])
        let again = scheduler.handle(.submitted("a", plan: plan, done: [], priority: 0), at: .zero)
        guard case .assign = try #require(again.first) else {
            Issue.record("a cancelled job that was handed in again leased nothing")
            return
        }
        #expect(scheduler.handle(.submitted("a", plan: plan, done: plan.sets, priority: 0), at: .zero) == [])
        #expect(scheduler.progress(of: "a")?.done == 0, "a running job is passed over")
        _ = scheduler.handle(.cancelled("a"), at: .zero)
        let done = scheduler.handle(.submitted("a", plan: plan, done: plan.sets, priority: 0), at: .zero)
        #expect(done == [.finished("a")])
    }
}
