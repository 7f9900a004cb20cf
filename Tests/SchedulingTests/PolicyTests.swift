import Canvas
import Testing

@testable import Scheduling

/// What the scheduler decides about failures, stragglers, and who comes first.
@Suite struct PolicyTests {
    /// Six windows of one level in a row.
    static func plan(_ windows: Int64 = 6, x: Int64 = 0) throws -> Plan {
        try Plan(
            region: .rect(PixelRect(x: x, y: 0, width: 32 * windows, height: 32)), levels: 1,
            canvas: Canvas(surface: .plane(metresPerPixel: 10), baseZoom: 0))
    }

    static func submit(_ desk: inout Desk, _ job: JobID = "a", windows: Int64 = 6, priority: Int = 0) throws {
        desk.tell(.submitted(job, plan: try plan(windows), done: [], priority: priority))
    }

    @Test func threeDifferentWorkersMakeAWindowFailed() throws {
        var desk = Desk()
        try Self.submit(&desk, windows: 1)
        var lease = try #require(desk.join(1).first)
        for worker in 1...3 as ClosedRange<UInt64> {
            let told = desk.fail(lease)
            if worker == 3 {
                #expect(told.contains(.windowFailed("a", lease.cores[0], reason: "test")))
                #expect(told.contains(.finished("a")))
            } else {
                #expect(desk.leases(desk.wait(.seconds(20), workers: 1, 2)).isEmpty, "a worker fails a window once")
                lease = try #require(desk.join(worker + 1).first)
            }
        }
        #expect(desk.scheduler.progress(of: "a")?.failed == 1)
    }

    @Test func aFailedWindowIsTriedAgainOnRequest() throws {
        var desk = Desk()
        try Self.submit(&desk, windows: 1)
        var leases = desk.join(1)
        for worker in 2...4 as ClosedRange<UInt64> {
            _ = desk.fail(try #require(leases.first))
            _ = desk.wait(.seconds(15), workers: 1, 2, 3)
            if worker < 4 { leases = desk.join(worker) }
        }
        #expect(desk.scheduler.progress(of: "a")?.phase == .finished)
        leases = desk.leases(desk.tell(.retried("a")))
        #expect(desk.scheduler.progress(of: "a")?.failed == 0)
        _ = desk.complete(try #require(leases.first))
        #expect(desk.actions.last == .finished("a"))
        #expect(desk.scheduler.progress(of: "a")?.done == 1)
    }

    @Test func manyWindowsThatAWorkerFailedDoNotHideOneThatItMayTake() throws {
        var policy = SchedulerPolicy()
        policy.strikes = .max
        var desk = Desk(policy: policy)
        try Self.submit(&desk, windows: 101)
        let other = try #require(desk.join(2).first)
        var lease = desk.join(1).first
        while let current = lease { lease = desk.leases(desk.fail(current)).first }
        desk.now += .seconds(10)
        desk.tell(.failed(WorkerID(2), other.reference, other.cores, .window, reason: "test"))
        // The second worker has no credit; the first may take the one window that the second failed.
        let taken = desk.leases(desk.wait(.seconds(12), workers: 1, 2))
        #expect(taken.map(\.cores) == [other.cores])
    }

    @Test func aLonelyWorkersFailureEndsTheJobAfterAWhile() throws {
        var desk = Desk()
        try Self.submit(&desk, windows: 1)
        let lease = try #require(desk.join(1).first)
        _ = desk.fail(lease)
        #expect(!desk.wait(.seconds(29), workers: 1).contains(.finished("a")), "another worker may come")
        #expect(desk.wait(.seconds(60), workers: 1).contains(.finished("a")))
        #expect(desk.scheduler.progress(of: "a")?.failed == 1)
    }

    @Test func aWorkerThatKeepsFailingIsBlockedForTheJob() throws {
        var desk = Desk()
        try Self.submit(&desk, windows: 20)
        try Self.submit(&desk, "b", windows: 20, priority: -1)
        var lease = try #require(desk.join(1).first)
        for failure in 1...5 {
            #expect(lease.job == "a")
            let told = desk.fail(lease)
            #expect(
                told.contains { if case .blocked("a", WorkerID(1), _) = $0 { true } else { false } } == (failure == 5))
            lease = try #require(desk.leases(told).first)
        }
        #expect(lease.job == "b", "it goes on with another job")
    }

    @Test func aJobWithoutAnyWorkerLeftIsPausedAndSaysSo() throws {
        var desk = Desk()
        try Self.submit(&desk, windows: 20)
        var lease = desk.join(1).first
        while let current = lease { lease = desk.leases(desk.fail(current)).first }
        let told = desk.wait(.seconds(90), workers: 1)
        #expect(told.contains { if case .stalled("a", _) = $0 { true } else { false } })
        #expect(desk.scheduler.progress(of: "a")?.phase == .paused)
        #expect(!desk.leases(desk.tell(.resumed("a"))).isEmpty, "resuming gives its workers another chance")
    }

    @Test func environmentFailuresKeepAWorkerOffTheJobForLongerEachTime() throws {
        var desk = Desk()
        try Self.submit(&desk)
        try Self.submit(&desk, "b", priority: -1)
        let lease = try #require(desk.join(1).first)
        let other = try #require(desk.leases(desk.fail(lease, .environment)).first)
        #expect(other.job == "b", "it may work for another job")
        _ = desk.complete(other, grant: false)
        desk.tell(.credited(WorkerID(1), windows: 1))
        #expect(desk.scheduler.workers[WorkerID(1)]?.rests["a"]?.until == .seconds(5))
        desk.now = .seconds(6)
        desk.tell(.credited(WorkerID(1), windows: 1))
        let again = try #require(desk.scheduler.activeLeases.last { $0.job == "a" })
        _ = desk.fail(again, .environment)
        #expect(desk.scheduler.workers[WorkerID(1)]?.rests["a"]?.until == .seconds(16))
        #expect(desk.scheduler.progress(of: "a")?.failed == 0)
    }

    // MARK: - Speculation

    /// A job of eight windows with one straggler left, and an idle worker.
    private func tail() throws -> (Desk, straggler: Lease) {
        var desk = Desk()
        desk.now = .seconds(40)
        try Self.submit(&desk, windows: 8)
        let straggler = try #require(desk.join(1).first)
        var lease = desk.join(2).first
        while let current = lease {
            desk.now += .seconds(4)
            desk.tell(.heard(WorkerID(1)))
            lease = desk.complete(current).first
        }
        return (desk, straggler)
    }

    @Test func theTailIsLeasedASecondTimeAndTheLoserIsRevoked() throws {
        var (desk, straggler) = try tail()
        let second = try #require(desk.leases(desk.wait(.seconds(1), workers: 1, 2)).first)
        #expect(second.cores == straggler.cores && second.worker == WorkerID(2))
        #expect(desk.leases(desk.wait(.seconds(5), workers: 1, 2)).isEmpty, "no third lease")
        _ = desk.complete(second)
        #expect(desk.actions.contains(.revoke(WorkerID(1), straggler.reference)))
        #expect(desk.actions.contains(.finished("a")))
        let late = desk.tell(.received(WorkerID(1), straggler.reference, straggler.cores[0]))
        guard case .discard = try #require(late.first) else {
            Issue.record("the loser's result was kept")
            return
        }
    }

    @Test func theFirstResultWinsEvenIfItIsTheStragglers() throws {
        var (desk, straggler) = try tail()
        let second = try #require(desk.leases(desk.wait(.seconds(1), workers: 1, 2)).first)
        _ = desk.complete(straggler)
        #expect(desk.actions.contains(.revoke(WorkerID(2), second.reference)))
        #expect(desk.scheduler.progress(of: "a")?.done == 8)
    }

    @Test func aFailedDuplicateLeavesTheOther() throws {
        var (desk, straggler) = try tail()
        let second = try #require(desk.leases(desk.wait(.seconds(1), workers: 1, 2)).first)
        _ = desk.fail(second)
        #expect(desk.scheduler.activeLeases == [straggler])
        _ = desk.complete(straggler)
        #expect(desk.actions.contains(.finished("a")))
    }

    // MARK: - Expiry

    @Test func aLeaseThatNeverEndsIsTakenBack() throws {
        var policy = SchedulerPolicy()
        policy.ageBounds = .seconds(60) ... .seconds(600)
        var desk = Desk(policy: policy)
        try Self.submit(&desk, windows: 40)
        var lease = desk.join(2).first
        for _ in 0..<10 {
            desk.now += .seconds(1)
            lease = desk.complete(try #require(lease)).first
        }
        let endless = try #require(desk.join(1).first)
        var told: [Action] = []
        for _ in 0..<70 {
            desk.tell(.progressed(WorkerID(1), endless.reference))
            told += desk.wait(.seconds(1), workers: 1, 2)
        }
        #expect(told.contains(.revoke(WorkerID(1), endless.reference)), "although it makes progress")
    }

    @Test func patienceFollowsTheObservedTimes() throws {
        var desk = Desk()
        try Self.submit(&desk, windows: 40)
        var lease = desk.join(2).first
        for _ in 0..<8 {
            desk.now += .seconds(100)
            lease = desk.complete(try #require(lease)).first
        }
        // Ten medians of 100 s: a worker that is slow to take its first step is not lost after two minutes.
        #expect(desk.wait(.seconds(600), workers: 2).allSatisfy { if case .dismiss = $0 { false } else { true } })
        #expect(desk.wait(.seconds(800), workers: 2).contains { if case .dismiss = $0 { true } else { false } })
    }

    @Test func quantilesAreWithinABucket() {
        var times = LeaseTimes()
        #expect(times.quantile(0.5) == nil)
        for milliseconds in 1...1000 { times.add(.milliseconds(milliseconds)) }
        for (q, expected) in [(0.5, 500.0), (0.95, 950), (0.1, 100)] {
            let value = (times.quantile(q) ?? .zero) / .milliseconds(1)
            #expect(value >= expected && value <= expected * 1.13, "\(q): \(value)")
        }
        for _ in 0..<20_000 { times.add(.seconds(7)) }
        let median = (times.quantile(0.5) ?? .zero) / .seconds(1)
        #expect(median >= 7 && median < 8, "it follows what is new")
    }

    // MARK: - Who comes first

    @Test func higherPriorityComesFirst() throws {
        var desk = Desk()
        try Self.submit(&desk, "low")
        try Self.submit(&desk, "high", priority: 5)
        let leases = desk.join(1, credit: 8)
        #expect(leases.map(\.job) == Array(repeating: "high", count: 6) + ["low", "low"])
        desk.tell(.reprioritized("low", 9))
        try Self.submit(&desk, "high again", priority: 6)
        #expect(desk.leases(desk.tell(.credited(WorkerID(1), windows: 1))).map(\.job) == ["low"])
    }

    @Test func equalsShareTheWorkers() throws {
        var desk = Desk()
        for job in ["a", "b", "c"] { try Self.submit(&desk, job, windows: 30) }
        var counts: [JobID: Int] = [:]
        for worker in 1...9 as ClosedRange<UInt64> {
            for lease in desk.join(worker, credit: 2) { counts[lease.job, default: 0] += 1 }
        }
        #expect(counts == ["a": 6, "b": 6, "c": 6])
    }

    @Test func aRectangleMayComeFirst() throws {
        let canvas = Canvas(surface: .plane(metresPerPixel: 10), baseZoom: 0)
        let plan = try Plan(
            region: .rect(PixelRect(x: 0, y: 0, width: 256, height: 256)), levels: 2, canvas: canvas)
        var desk = Desk()
        desk.tell(.submitted("a", plan: plan, done: [], priority: 0))
        var lease = try #require(desk.join(1).first)
        lease = try #require(desk.complete(lease).first)
        let wanted = CoreSet(columns: 28..<32, rows: 28..<32)
        let part = try #require(plan.part(wanted))
        desk.tell(.preferred("a", part))
        lease = try #require(desk.complete(lease).first)
        for _ in 0..<part.dropFirst().reduce(0, { $0 + $1.count }) {
            #expect(part[lease.cores[0].level].contains(column: lease.cores[0].column, row: lease.cores[0].row))
            lease = try #require(desk.complete(lease).first)
        }
        #expect(!part[lease.cores[0].level].contains(column: lease.cores[0].column, row: lease.cores[0].row))
        var left: Lease? = lease
        while let current = left { left = desk.complete(current).first }
        #expect(desk.scheduler.progress(of: "a")?.done == plan.windowCount)
        #expect(desk.actions.last == .finished("a"))
    }

    @Test func cancellingTakesTheLeasesBack() throws {
        var desk = Desk()
        try Self.submit(&desk)
        let lease = try #require(desk.join(1).first)
        #expect(desk.tell(.cancelled("a")) == [.revoke(WorkerID(1), lease.reference)])
        #expect(desk.scheduler.activeLeases.isEmpty)
        #expect(desk.tell(.credited(WorkerID(1), windows: 1)).isEmpty)
    }

    @Test func nothingIsDecidedWhileWorkersMayStillComeBack() throws {
        var desk = Desk()
        try Self.submit(&desk, windows: 1)
        _ = desk.fail(try #require(desk.join(1).first))
        // The solitude of thirty seconds is counted from the end of the grace, not from the start.
        #expect(!desk.wait(.seconds(55), workers: 1).contains { if case .windowFailed = $0 { true } else { false } })
        #expect(desk.wait(.seconds(10), workers: 1).contains { if case .windowFailed = $0 { true } else { false } })
    }

    @Test func aRestartFindsTheFrontier() throws {
        let canvas = Canvas(surface: .plane(metresPerPixel: 10), baseZoom: 0)
        let plan = try Plan(
            region: .rect(PixelRect(x: 0, y: 0, width: 128, height: 96)), levels: 3, canvas: canvas)
        var desk = Desk()
        desk.tell(.submitted("a", plan: plan, done: [], priority: 0))
        var lease = desk.join(1).first
        var done: [Core] = []
        for _ in 0..<plan.windowCount / 3 {
            let current = try #require(lease)
            done += current.cores
            lease = desk.complete(current).first
        }
        var again = Desk()
        let sets = (0...3).map { level in
            done.filter { $0.level == level }.reduce(CoreSet.empty) {
                $0.union(CoreSet(columns: $1.column..<$1.column + 1, rows: $1.row..<$1.row + 1))
            }
        }
        again.tell(.submitted("a", plan: plan, done: sets, priority: 0))
        #expect(again.scheduler.progress(of: "a")?.done == done.count)
        lease = again.join(1).first
        var rendered = done.count
        while let current = lease {
            rendered += current.cores.count
            lease = again.complete(current).first
        }
        #expect(rendered == plan.windowCount)
        #expect(again.actions.last == .finished("a"))
    }
}
