import Canvas
import Foundation
import Scheduling
import Testing
import Wire

@testable import Coordinator

/// What strangers, and workers that break the rules, can do: nothing that lasts.
@Suite(.serialized, .timeLimit(.minutes(2))) struct RefusalTests {
    private let folder = Folder()
    private let keys: CurveKeyPair
    private let worker: CurveKeyPair

    init() throws {
        (keys, worker) = (try .generate(), try .generate())
    }

    private func open(heartbeat: Duration = .seconds(2)) throws -> Coordinator {
        let coordinator = try Coordinator(.init(directory: folder.url, heartbeat: heartbeat, keys: keys))
        try coordinator.allow(key: worker.publicKey.description, name: "worker")
        return coordinator
    }

    private func connect(_ coordinator: Coordinator, batch: Int = 1) throws -> ScriptedWorker {
        let scripted = try ScriptedWorker(
            coordinator.endpoint, security: .client(worker, server: keys.publicKey))
        try scripted.send(.hello(ScriptedWorker.hello(batch: batch)))
        _ = try scripted.receive { if case .welcome = $0 { true } else { nil } }
        return scripted
    }

    private func wait(_ coordinator: Coordinator, until done: (Status) -> Bool) throws {
        let deadline = ContinuousClock.now + .seconds(30)
        while !done(coordinator.status()) {
            try #require(ContinuousClock.now < deadline, "the coordinator's state did not change in time")
            Thread.sleep(forTimeInterval: 0.02)
        }
    }

    private func lease(_ scripted: ScriptedWorker) throws -> Assignment {
        try scripted.receive { if case .assign(let lease) = $0 { lease } else { nil } }
    }

    private func send(
        _ scripted: ScriptedWorker, lease: UInt64, epoch: UInt64, core: Core, value: UInt8
    ) throws {
        for chunk in WindowResult.chunks(
            lease: lease, epoch: epoch, core: core, pixels: CoordinatorTests.pixels(value), seconds: 1)
        {
            try scripted.send(.result(chunk))
        }
    }

    @Test func withKeysAnAddressThatOthersReachIsTaken() throws {
        let coordinator = try Coordinator(.init(directory: folder.url, listen: "tcp://0.0.0.0:*", keys: keys))
        #expect(coordinator.status().serverKey == keys.publicKey.description)
        coordinator.shutdown()
    }

    @Test func strangersDoNotRegister() throws {
        let coordinator = try open()
        defer { coordinator.shutdown() }
        for security in [
            Security.none, .client(try .generate(), server: keys.publicKey),
            .client(worker, server: try CurveKeyPair.generate().publicKey),
        ] {
            let stranger = try ScriptedWorker(coordinator.endpoint, security: security)
            let problem = try stranger.handshakeProblem()
            #expect(problem != nil)
        }
        #expect(coordinator.status().workers.isEmpty)
        _ = try connect(coordinator)
        try wait(coordinator) { $0.workers.count == 1 }
        #expect(coordinator.status().workers.first?.key == worker.publicKey.description)
    }

    @Test func aRevokedWorkerIsCutOffAndItsWindowsGoToOthers() throws {
        let coordinator = try open()
        defer { coordinator.shutdown() }
        _ = try coordinator.submit(CoordinatorTests.request())
        let revoked = try connect(coordinator)
        try revoked.send(.credit(Credit(windows: 1)))
        let held = try lease(revoked)
        #expect(try coordinator.revoke(key: worker.publicKey.description))
        try wait(coordinator) { $0.workers.isEmpty }
        #expect(try revoked.handshakeProblem() == .notAllowed, "it cannot come back")
        #expect(try !coordinator.revoke(key: worker.publicKey.description))

        let other = try CurveKeyPair.generate()
        try coordinator.allow(key: other.publicKey.description, name: "other")
        let honest = try ScriptedWorker(coordinator.endpoint, security: .client(other, server: keys.publicKey))
        try honest.send(.hello(ScriptedWorker.hello()))
        try honest.send(.credit(Credit(windows: 1)))
        #expect(try lease(honest).windows.map(\.core) == held.windows.map(\.core))
    }

    @Test func aKeyTakenOutOfTheFileIsRevokedToo() throws {
        let coordinator = try open()
        defer { coordinator.shutdown() }
        _ = try connect(coordinator)
        try wait(coordinator) { $0.workers.count == 1 }
        let list = try AllowList(folder.url.appending(path: AllowList.fileName))
        try list.revoke(worker.publicKey)
        try wait(coordinator) { $0.workers.isEmpty }
        #expect(coordinator.allowedWorkers.isEmpty)
    }

    @Test func anotherKeyCannotTakeAWorkersPlace() throws {
        let coordinator = try open()
        defer { coordinator.shutdown() }
        let other = try CurveKeyPair.generate()
        try coordinator.allow(key: other.publicKey.description, name: "other")
        let hello = ScriptedWorker.hello()
        let first = try ScriptedWorker(coordinator.endpoint, security: .client(worker, server: keys.publicKey))
        try first.send(.hello(hello))
        let second = try ScriptedWorker(coordinator.endpoint, security: .client(other, server: keys.publicKey))
        try second.send(.hello(hello))
        try wait(coordinator) { $0.workers.count == 2 }
    }

    /// Replayed, of another epoch, of another lease, of another worker, of another job, outside of the lease.
    @Test func nothingIsWrittenOutsideOfALease() throws {
        let coordinator = try open()
        defer { coordinator.shutdown() }
        let ids = try [1, 2].map { try coordinator.submit(CoordinatorTests.request(seed: $0)) }
        let honest = try connect(coordinator)
        try honest.send(.credit(Credit(windows: 1)))
        let held = try lease(honest)
        let hostile = try connect(coordinator)
        try hostile.send(.credit(Credit(windows: 1)))
        let own = try lease(hostile)
        let (core, target) = (try #require(own.windows.first).core, try #require(held.windows.first).core)
        let otherJob = try #require(ids.first { $0 != own.jobID })
        #expect(otherJob != own.jobID)
        for (number, epoch, core) in [
            (own.lease, own.epoch, target), (held.lease, held.epoch, target), (own.lease, own.epoch + 1, core),
            (own.lease, own.epoch &- 1, core), (own.lease + 1_000, own.epoch, core),
            (own.lease, own.epoch, Core(level: 2, column: core.column, row: core.row)),
            (own.lease, own.epoch, Core(level: 1, column: core.column + 1_000_000, row: core.row)),
        ] {
            try send(hostile, lease: number, epoch: epoch, core: core, value: 66)
        }
        try send(honest, lease: held.lease, epoch: held.epoch, core: target, value: 10)
        try wait(coordinator) { $0.jobs.contains { $0.progress.done == 1 } }
        // The lease's own window counts once; again it is a replay.
        try send(hostile, lease: own.lease, epoch: own.epoch, core: core, value: 20)
        try send(hostile, lease: own.lease, epoch: own.epoch, core: core, value: 99)
        try wait(coordinator) { $0.jobs.reduce(0) { $0 + $1.progress.done } == 2 }
        try hostile.send(.heartbeat(Heartbeat(steps: 1)))
        try wait(coordinator) { $0.workers.count == 2 }
        #expect(coordinator.status().jobs.allSatisfy { $0.error == nil })
        #expect(coordinator.status().workers.map(\.windowsDone).sorted() == [1, 1])
    }

    @Test func creditBeyondReasonGivesNoMoreWindows() throws {
        let coordinator = try open()
        defer { coordinator.shutdown() }
        var wide = try CoordinatorTests.request()
        wide.region = .box(west: 0, south: 40, east: 14, north: 50)
        _ = try coordinator.submit(wide)
        let greedy = try connect(coordinator, batch: 2)
        for _ in 0..<5 { try greedy.send(.credit(Credit(windows: 60_000))) }
        try wait(coordinator) { $0.workers.first?.leased == 8 }
        try greedy.send(.credit(Credit(windows: 60_000)))
        try greedy.send(.heartbeat(Heartbeat(steps: 7, residentBytes: 77)))
        try wait(coordinator) { $0.workers.first?.residentBytes == 77 }
        #expect(coordinator.status().workers.first?.leased == 8)
    }

    @Test func aFloodIsCutOffAndHonestWorkersGoOn() throws {
        let coordinator = try open()
        defer { coordinator.shutdown() }
        _ = try coordinator.submit(CoordinatorTests.request())
        let honest = try connect(coordinator)
        let hostile = try connect(coordinator)
        let frame = try Message.heartbeat(Heartbeat()).encoded()
        // It may register again after each cut: what it sends is bounded by what it may send at once.
        for _ in 0..<20_000 where try !hostile.trySend(frame) { break }
        try wait(coordinator) { $0.workers.count == 1 }
        try honest.send(.credit(Credit(windows: 1)))
        let held = try lease(honest)
        try send(
            honest, lease: held.lease, epoch: held.epoch, core: try #require(held.windows.first).core, value: 1)
        try wait(coordinator) { $0.jobs.first?.progress.done == 1 }
    }

    /// ZeroMQ gathers the parts of a message before anyone sees them: one without an end is cut.
    @Test func aMessageWithoutAnEndIsCutOff() throws {
        let coordinator = try Coordinator(.init(directory: folder.url))
        defer { coordinator.shutdown() }
        let port = try Endpoint(coordinator.endpoint).port
        let peer = try #require(RawPeer(port: port ?? 0))
        let part = [UInt8](repeating: 7, count: 256 << 10)
        let deadline = ContinuousClock.now + .seconds(60)
        var sent = 0
        while peer.sendPart(part), ContinuousClock.now < deadline {
            sent += part.count
            // As fast as a network would, so that the cut comes long before memory ends.
            if sent % (16 << 20) == 0 { Thread.sleep(forTimeInterval: 0.2) }
        }
        #expect(ContinuousClock.now < deadline, "it may send for ever")
        #expect(sent < 2 << 30)
        let honest = try ScriptedWorker(coordinator.endpoint)
        try honest.send(.hello(ScriptedWorker.hello()))
        _ = try honest.receive { if case .welcome = $0 { true } else { nil } }
    }

    @Test func aFrameTooLongForAWorkerEndsItsConnection() throws {
        let coordinator = try open()
        defer { coordinator.shutdown() }
        let hostile = try connect(coordinator)
        try hostile.sendRaw([UInt8](repeating: 0, count: Limits.workerMessage + 1))
        let honest = try connect(coordinator)
        try honest.send(.heartbeat(Heartbeat(residentBytes: 5)))
        try wait(coordinator) { $0.workers.contains { $0.residentBytes == 5 } }
    }
}

/// The rules by themselves, with time handed in.
@Suite struct AdmissionTests {
    @Test func workIsNeverLimitedAndIdleTalkIs() {
        var allowance = Allowance(now: .zero)
        var now = Duration.zero
        // 20,000 windows a second of 48 KiB, each with two messages beside it.
        var unpaid = 0
        for _ in 0..<200_000 {
            now += .microseconds(50)
            if !allowance.spend(bytes: 49_200, now: now) { unpaid += 1 }
            allowance.earn(bytes: 49_152)
            for _ in 0..<2 where !allowance.spend(bytes: 40, now: now) { unpaid += 1 }
        }
        #expect(unpaid == 0)
        var heard = 0
        while allowance.spend(bytes: 40, now: now), heard < 1_000_000 { heard += 1 }
        #expect(heard <= Int(Allowance.messages))
        let (soon, late) = (
            allowance.spend(bytes: 1, now: now + .milliseconds(1)), allowance.spend(bytes: 1, now: now + .seconds(60))
        )
        #expect(!soon && late)
    }

    @Test func bytesAreLimitedTooWhereNobodyAskedForThem() {
        var allowance = Allowance(now: .zero)
        var bytes = 0
        while allowance.spend(bytes: 1 << 20, now: .zero), bytes < 1 << 30 { bytes += 1 << 20 }
        #expect(bytes <= Int(Allowance.bytes))
    }

    @Test func aLeaseHeldForeverSuspendsItsWorkerLongerEachTime() {
        var admission = Admission()
        #expect(admission.leaseLimit == Admission.leaseFloor)
        for _ in 0..<1000 { admission.note(age: .seconds(60)) }
        #expect(admission.leaseLimit > .seconds(1100) && admission.leaseLimit < .seconds(1300))
        admission.suspend("k", now: .zero)
        #expect(admission.isSuspended("k", now: .seconds(599)) && !admission.isSuspended("k", now: .seconds(601)))
        #expect(!admission.isSuspended("other", now: .zero))
        admission.suspend("k", now: .seconds(700))
        #expect(admission.isSuspended("k", now: .seconds(1800)) && !admission.isSuspended("k", now: .seconds(1901)))
    }
}
