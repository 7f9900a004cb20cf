import Canvas
import Coordinator
import Foundation
import Scheduling
import Testing
import Wire

@Suite struct CoordinatorTests {
    static func request(seed: UInt64 = 1, exact: Bool = false) throws -> JobRequest {
        let reference = try #require(
            ProcessInfo.processInfo.environment["TESSERA_REFERENCE"],
            "TESSERA_REFERENCE is not set: run the tests through `make test`")
        return JobRequest(
            region: .box(west: 7, south: 45, east: 8, north: 46), levels: 1, seed: seed,
            model: reference + "/small/model.safetensors", sampler: "ddim:2", exact: exact)
    }

    static func pixels(_ value: UInt8) -> [UInt8] { [UInt8](repeating: value, count: 128 * 128 * 3) }

    private func wait(_ coordinator: Coordinator, until done: (Status) -> Bool) throws {
        let deadline = ContinuousClock.now + .seconds(20)
        while !done(coordinator.status()) {
            try #require(ContinuousClock.now < deadline, "the coordinator's state did not change in time")
            Thread.sleep(forTimeInterval: 0.02)
        }
    }

    @Test func anotherProtocolVersionIsRefusedInWords() throws {
        let folder = Folder()
        let coordinator = try Coordinator(.init(directory: folder.url))
        defer { coordinator.shutdown() }
        let worker = try ScriptedWorker(coordinator.endpoint)
        try worker.send(.hello(ScriptedWorker.hello(version: 999)))
        let refusal = try worker.receive { if case .refuse(let refusal) = $0 { refusal } else { nil } }
        #expect(refusal.code == .protocolVersion)
        #expect(refusal.reason.contains("999") && refusal.reason.contains("same version"))
    }

    @Test func aWorkerThatDidNotRegisterIsToldTo() throws {
        let folder = Folder()
        let coordinator = try Coordinator(.init(directory: folder.url))
        defer { coordinator.shutdown() }
        let worker = try ScriptedWorker(coordinator.endpoint)
        try worker.send(.credit(Credit(windows: 5)))
        let refusal = try worker.receive { if case .refuse(let refusal) = $0 { refusal } else { nil } }
        #expect(refusal.code == .unknownSession)
    }

    @Test func leasesFenceWhatIsStored() throws {
        let folder = Folder()
        let coordinator = try Coordinator(.init(directory: folder.url))
        defer { coordinator.shutdown() }
        let id = try coordinator.submit(Self.request())
        let worker = try ScriptedWorker(coordinator.endpoint)
        try worker.send(.hello(ScriptedWorker.hello()))
        try worker.send(.credit(Credit(windows: 1)))
        let job = try worker.receive { if case .job(let job) = $0 { job } else { nil } }
        let lease = try worker.receive { if case .assign(let lease) = $0 { lease } else { nil } }
        #expect(job.jobID == id && lease.jobID == id)
        for window in lease.windows { try job.check(window) }
        let core = try #require(lease.windows.first).core
        let wrong = [
            (lease.lease + 7, lease.epoch), (lease.lease, lease.epoch + 1),
        ]
        for (number, epoch) in wrong {
            for chunk in WindowResult.chunks(
                lease: number, epoch: epoch, core: core, pixels: Self.pixels(1), seconds: 1)
            {
                try worker.send(.result(chunk))
            }
        }
        for chunk in WindowResult.chunks(
            lease: lease.lease, epoch: lease.epoch, core: core, pixels: Self.pixels(200), seconds: 1)
        {
            try worker.send(.result(chunk))
        }
        try wait(coordinator) { $0.jobs.first?.progress.done == 1 }
        #expect(coordinator.status().workers.first?.windowsDone == 1)
    }

    @Test func aWorkerFetchesTheModelByDigest() throws {
        let folder = Folder()
        let coordinator = try Coordinator(.init(directory: folder.url))
        defer { coordinator.shutdown() }
        let request = try Self.request()
        _ = try coordinator.submit(request)
        let worker = try ScriptedWorker(coordinator.endpoint)
        try worker.send(.hello(ScriptedWorker.hello()))
        try worker.send(.credit(Credit(windows: 1)))
        let job = try worker.receive { if case .job(let job) = $0 { job } else { nil } }
        var bytes: [UInt8] = []
        while bytes.count < Int(job.modelSize) {
            try worker.send(
                .modelRequest(ModelRequest(digest: job.model, offset: UInt64(bytes.count), length: 1 << 16)))
            let chunk = try worker.receive { if case .modelChunk(let chunk) = $0 { chunk } else { nil } }
            #expect(chunk.offset == UInt64(bytes.count))
            bytes += chunk.payload
        }
        #expect(Data(bytes) == (try Data(contentsOf: URL(filePath: try #require(request.model)))))
        let other = try #require(ModelDigest(hex: String(repeating: "ab", count: 32)))
        try worker.send(.modelRequest(ModelRequest(digest: other, offset: 0, length: 10)))
        let refusal = try worker.receive { if case .refuse(let refusal) = $0 { refusal } else { nil } }
        #expect(refusal.code == .unknownModel)
    }

    @Test func anExactJobGivesNothingToAnotherProfile() throws {
        let folder = Folder()
        let coordinator = try Coordinator(.init(directory: folder.url))
        defer { coordinator.shutdown() }
        _ = try coordinator.submit(Self.request(exact: true))
        let first = try ScriptedWorker(coordinator.endpoint)
        try first.send(.hello(ScriptedWorker.hello(profile: "a")))
        try first.send(.credit(Credit(windows: 1)))
        _ = try first.receive { if case .assign(let lease) = $0 { lease } else { nil } }
        let second = try ScriptedWorker(coordinator.endpoint)
        try second.send(.hello(ScriptedWorker.hello(profile: "b")))
        try second.send(.credit(Credit(windows: 8)))
        let third = try ScriptedWorker(coordinator.endpoint)
        try third.send(.hello(ScriptedWorker.hello(profile: "a")))
        try third.send(.credit(Credit(windows: 1)))
        _ = try third.receive { if case .assign(let lease) = $0 { lease } else { nil } }
        let leased = coordinator.status().workers.first { $0.profile == "b" }?.leased
        #expect(leased == nil || leased == 0)
    }

    @Test func theSameRequestIsTheSameJobAndSurvivesARestart() throws {
        let folder = Folder()
        let first = try Coordinator(.init(directory: folder.url))
        let id = try first.submit(Self.request())
        #expect(first.status().jobs.map(\.id) == [id], "what was handed in is shown at once")
        #expect(try first.submit(Self.request()) == id)
        #expect(try first.submit(Self.request(seed: 2)) != id)
        first.shutdown()
        let second = try Coordinator(.init(directory: folder.url))
        defer { second.shutdown() }
        #expect(second.status().jobs.count == 2)
        #expect(second.status().jobs.map(\.id).contains(id))
        #expect(second.mosaics().count == 2, "another seed is another mosaic")
    }

    @Test func aCancelledJobRunsAgainWhenHandedInAgain() throws {
        let folder = Folder()
        let coordinator = try Coordinator(.init(directory: folder.url))
        defer { coordinator.shutdown() }
        let id = try coordinator.submit(Self.request())
        try coordinator.cancel(id)
        try wait(coordinator) { $0.jobs.first?.progress.phase == .cancelled }
        #expect(try coordinator.submit(Self.request()) == id)
        #expect(coordinator.status().jobs.map(\.progress.phase) == [.running])
    }

    @Test func unknownJobsAndWorkersAreNamed() throws {
        let folder = Folder()
        let coordinator = try Coordinator(.init(directory: folder.url))
        defer { coordinator.shutdown() }
        #expect(throws: CoordinatorError.self) { try coordinator.pause("job-9") }
        #expect(throws: CoordinatorError.self) { try coordinator.drain(worker: 9, now: true, reason: "test") }
    }

    @Test func addressesThatOthersReachAreRefused() throws {
        let folder = Folder()
        let error = #expect(throws: CoordinatorError.self) {
            try Coordinator(.init(directory: folder.url, listen: "tcp://0.0.0.0:*"))
        }
        #expect(error?.code == .insecure)
        #expect(error?.description.contains("--insecure") == true)
    }

    @Test func anUnreadableFrameEndsNothingElse() throws {
        let folder = Folder()
        let coordinator = try Coordinator(.init(directory: folder.url))
        defer { coordinator.shutdown() }
        let worker = try ScriptedWorker(coordinator.endpoint)
        try worker.sendRaw([0xFF, 0xFE, 0x00, 0x17])
        let refusal = try worker.receive { if case .refuse(let refusal) = $0 { refusal } else { nil } }
        #expect(refusal.code == .badMessage)
        try worker.send(.hello(ScriptedWorker.hello()))
        _ = try worker.receive { if case .welcome(let welcome) = $0 { welcome } else { nil } }
    }
}
