import Canvas
import Denoiser
import Foundation
import Synchronization
import Testing
import Wire

@testable import Worker

@Suite("Worker", .serialized)
struct WorkerTests {
    private let directory: TemporaryDirectory
    private let model: Data
    private let modelFile: URL
    private var cache: URL { directory.url.appending(path: "cache") }

    init() throws {
        directory = try TemporaryDirectory()
        model = try Fixture.model()
        modelFile = directory.url.appending(path: "model.safetensors")
        try model.write(to: modelFile)
    }

    private func reference(_ window: WindowRequest, _ job: JobDescription) throws -> [UInt8] {
        let engine = FunctionEngine(try Fixture.configuration())
        return try #require(try WindowRenderer(engine: engine, job: job).render([window])[0])
    }

    /// An engine factory whose steps stop at a gate.
    private func gated(_ gate: Gate) -> WorkerOptions.EngineFactory {
        { model in FunctionEngine(model.configuration, onStep: { _ in gate.pass() }) }
    }

    // MARK: - Registration

    @Test("A worker presents itself, grants two batches of credit and sends heartbeats")
    func handshake() throws {
        let coordinator = try ScriptedCoordinator()
        let running = try RunningWorker(coordinator.endpoint, cache: cache, models: [modelFile], batch: 3)
        #expect(try coordinator.register() == 6)
        let hello = try #require(coordinator.hello)
        #expect(hello.protocolVersion == Message.protocolVersion)
        #expect(hello.name == "w")
        #expect(hello.pid == Int(ProcessInfo.processInfo.processIdentifier))
        #expect(hello.profile == "test/function")
        #expect(hello.batch == 3)
        #expect(hello.cachedModels == [Fixture.digest(model)])
        let heartbeat = try coordinator.expect("heartbeat") {
            if case .heartbeat(let heartbeat) = $0 { heartbeat } else { nil }
        }
        #expect(heartbeat.residentBytes > 1 << 20)
        try coordinator.send(.drain(Drain(mode: .finish, reason: "test")))
        #expect(try running.end() == .drained(reason: "test"))
        #expect(running.outcome?.exitCode == 0)
    }

    @Test(
        "A refused worker ends with the coordinator's reason", arguments: [Refusal.Code.protocolVersion, .notAllowed])
    func refused(code: Refusal.Code) throws {
        let coordinator = try ScriptedCoordinator()
        let running = try RunningWorker(coordinator.endpoint, cache: cache)
        _ = try coordinator.expect("hello") { if case .hello = $0 { true } else { nil } }
        try coordinator.send(.refuse(Refusal(code: code, reason: "speaks version 0")))
        guard case .failed(let reason) = try running.end() else {
            Issue.record("not failed")
            return
        }
        #expect(reason.contains("speaks version 0"))
        #expect(running.outcome?.exitCode == 1)
    }

    @Test("Without a coordinator a worker gives up and says where it looked")
    func nobody() throws {
        let free = try ScriptedCoordinator().endpoint
        let running = try RunningWorker(free, cache: cache, patience: .milliseconds(300))
        guard case .failed(let reason) = try running.end() else {
            Issue.record("not failed")
            return
        }
        #expect(reason.contains(free.description))
    }

    @Test("A worker that waits for a coordinator can be drained")
    func drainUnconnected() throws {
        let free = try ScriptedCoordinator().endpoint
        let running = try RunningWorker(free, cache: cache, patience: nil)
        running.worker.drain(.finish, reason: "signal")
        #expect(try running.end() == .drained(reason: "signal"))
    }

    @Test("Options that cannot be are refused")
    func options() throws {
        let endpoint = try Endpoint("tcp://127.0.0.1:5")
        #expect(throws: WorkerError.self) { try RunningWorker(endpoint, cache: cache, batch: 0) }
        #expect(throws: WorkerError.self) { try RunningWorker(Endpoint("127.0.0.1:*"), cache: cache) }
        let missing = directory.url.appending(path: "none.safetensors")
        let running = try RunningWorker(endpoint, cache: cache, models: [missing])
        guard case .failed(let reason) = try running.end() else {
            Issue.record("not failed")
            return
        }
        #expect(reason.contains(missing.path))
    }

    // MARK: - Work

    @Test("Windows come back in order, with the bytes they have alone, and their credit with them")
    func work() throws {
        let coordinator = try ScriptedCoordinator()
        let box = Box()
        let running = try RunningWorker(coordinator.endpoint, cache: cache, models: [modelFile]) { model in
            FunctionEngine(model.configuration, onStep: { box.add($0) })
        }
        let job = Fixture.job(model: model)
        #expect(try coordinator.register() == 4)
        try coordinator.send(.job(job))
        let windows = (0..<4).map { Fixture.window(Int64($0), -1) }
        try coordinator.assign(1, epoch: 5, Array(windows[0..<3]))
        try coordinator.assign(2, epoch: 6, Array(windows[3...]))
        for (index, window) in windows.enumerated() {
            let result = try coordinator.result()
            #expect(result.core == window.core)
            #expect((result.lease, result.epoch) == (index < 3 ? (1, 5) : (2, 6)))
            #expect(result.offset == 0 && result.total == 32 * 32 * 3)
            #expect(result.payload == (try reference(window, job)))
            #expect(result.checksum == Checksum.xxh64(result.payload))
        }
        try coordinator.credit(4)
        #expect(coordinator.received { if case .progress(let p) = $0 { p.steps == 4 && p.lease == 1 } else { false } })
        let heartbeat = try coordinator.expect("a heartbeat with the work done") {
            if case .heartbeat(let beat) = $0, beat.windowsFinished == 4 { beat } else { nil }
        }
        #expect(heartbeat.steps == 16)
        #expect(box.all.allSatisfy { $0 <= 2 })
        #expect(box.all.reduce(0, +) == 16)
        running.worker.drain(.finish, reason: "done")
        _ = try coordinator.expect("bye") { if case .bye = $0 { true } else { nil } }
        #expect(try running.end() == .drained(reason: "done"))
    }

    @Test("What a worker cannot do comes back with the reason's kind, and the worker goes on")
    func failures() throws {
        let coordinator = try ScriptedCoordinator()
        let running = try RunningWorker(coordinator.endpoint, cache: cache, models: [modelFile]) { model in
            FunctionEngine(model.configuration) { x, condition, constants, timestep in
                if constants[0] == 98 { throw CocoaError(.fileWriteOutOfSpace) }
                if constants[0] == 99 { return x.map { _ in .nan } }
                return FunctionEngine.mixture(x, condition, constants, timestep)
            }
        }
        try coordinator.register()
        func failure(_ lease: UInt64, _ kind: Failure.Kind, _ windows: [WindowRequest]) throws {
            let failure = try coordinator.failure()
            #expect(failure.lease == lease)
            #expect(failure.kind == kind)
            #expect(failure.windows == windows.map(\.core))
            try coordinator.credit(windows.count)
        }
        let good = Fixture.window(0)
        try coordinator.assign(1, [good])
        try failure(1, .environment, [good])
        try coordinator.send(.job(Fixture.job(model: model)))
        try coordinator.send(.job(Fixture.job("exact", model: model, profile: "blas/Other")))
        try coordinator.send(.job(Fixture.job("sampler", model: model, sampler: "none")))
        try coordinator.assign(2, job: "exact", [good])
        try failure(2, .environment, [good])
        try coordinator.assign(3, job: "sampler", [good])
        try failure(3, .model, [good])
        var small = good
        small.condition = Array(small.condition.prefix(8 * 8 * 3))
        try coordinator.assign(4, [small])
        try failure(4, .model, [small])
        let broken = Fixture.window(1, constant: 99)
        try coordinator.assign(5, [broken, good])
        let numeric = try coordinator.failure()
        #expect(numeric.kind == .numeric && numeric.windows == [broken.core])
        #expect(try coordinator.result().core == good.core)
        try coordinator.credit(2)
        let full = Fixture.window(2, constant: 98)
        try coordinator.assign(6, [full])
        try failure(6, .environment, [full])
        // Five windows where four are granted.
        try coordinator.assign(7, (0..<5).map { Fixture.window(Int64($0)) })
        #expect(try coordinator.failure().kind == .cancelled)
        running.worker.drain(.now, reason: "done")
        #expect(try running.end() == .drained(reason: "done"))
    }

    @Test("A revoked lease is dropped and its credit granted again; another epoch's revocation is not heard")
    func revocation() throws {
        let coordinator = try ScriptedCoordinator()
        let gate = Gate()
        let running = try RunningWorker(
            coordinator.endpoint, cache: cache, models: [modelFile], makeEngine: gated(gate))
        try coordinator.register()
        try coordinator.send(.job(Fixture.job(model: model)))
        try coordinator.assign(1, epoch: 3, [Fixture.window(0), Fixture.window(1)])
        try coordinator.until("a batch at the gate") { gate.arrived == 1 }
        try coordinator.assign(2, epoch: 4, [Fixture.window(2)])
        try coordinator.assign(3, epoch: 5, [Fixture.window(3)])
        try coordinator.send(.revoke(Revocation(lease: 1, epoch: 2)))
        try coordinator.send(.revoke(Revocation(lease: 2, epoch: 4)))
        try coordinator.credit(1)
        gate.open()
        let columns = try (0..<3).map { _ in try coordinator.result().core.column }
        #expect(columns == [0, 1, 3])
        running.worker.drain(.finish, reason: "done")
        #expect(try running.end().exitCode == 0)
    }

    // MARK: - Models

    @Test("A model is fetched in pieces, verified, kept, and found again")
    func fetch() throws {
        let large = try Fixture.model(embedding: 800)
        #expect(large.count > 4 * Limits.chunk)
        let job = Fixture.job(model: large)
        let file = cache.appending(path: job.model.hex + ".safetensors")
        do {
            let coordinator = try ScriptedCoordinator()
            let running = try RunningWorker(coordinator.endpoint, cache: cache)
            try coordinator.register()
            try coordinator.send(.job(job))
            try coordinator.assign(1, [Fixture.window(0)])
            // The first time, one byte is damaged on the way.
            var damaged = false
            try coordinator.serve(large) { chunk in
                guard !damaged, chunk.offset > 0 else { return }
                chunk.payload[100] ^= 1
                damaged = true
            } until: {
                FileManager.default.fileExists(atPath: file.path)
            }
            #expect(damaged)
            #expect(try coordinator.result().payload == reference(Fixture.window(0), job))
            #expect(running.log.count { if case .fetching = $0 { true } else { false } } == 2)
            #expect(try Data(contentsOf: file) == large)
            #expect(try FileManager.default.contentsOfDirectory(atPath: cache.path).count == 1)
            running.worker.drain(.finish, reason: "done")
            #expect(try running.end().exitCode == 0)
        }
        let coordinator = try ScriptedCoordinator()
        let running = try RunningWorker(coordinator.endpoint, cache: cache)
        try coordinator.register()
        #expect(coordinator.hello?.cachedModels == [job.model])
        try coordinator.send(.job(job))
        try coordinator.assign(1, [Fixture.window(1)])
        #expect(try coordinator.result().core.column == 1)
        #expect(!coordinator.received { if case .modelRequest = $0 { true } else { false } })
        running.worker.drain(.finish, reason: "done")
        #expect(try running.end().exitCode == 0)
    }

    @Test("A model that stays damaged fails the windows that need it, and leaves nothing behind")
    func damagedFetch() throws {
        let coordinator = try ScriptedCoordinator()
        let running = try RunningWorker(coordinator.endpoint, cache: cache)
        try coordinator.register()
        try coordinator.send(.job(Fixture.job(model: model)))
        try coordinator.assign(1, [Fixture.window(0)])
        try coordinator.serve(model) { chunk in
            chunk.payload[9] ^= 4
        } until: {
            coordinator.received { if case .fail = $0 { true } else { false } }
        }
        let failure = try coordinator.failure()
        #expect(failure.kind == .model)
        #expect(failure.reason.contains("SHA-256"))
        try coordinator.credit(1)
        #expect(try FileManager.default.contentsOfDirectory(atPath: cache.path).isEmpty)
        running.worker.drain(.finish, reason: "done")
        #expect(try running.end().exitCode == 0)
    }

    @Test("A model the coordinator does not hold, or holds in another size, fails its windows")
    func unknownModel() throws {
        let coordinator = try ScriptedCoordinator()
        let running = try RunningWorker(coordinator.endpoint, cache: cache)
        try coordinator.register()
        try coordinator.send(.job(Fixture.job(model: model)))
        try coordinator.assign(1, [Fixture.window(0)])
        _ = try coordinator.expect("model request") { if case .modelRequest(let r) = $0 { r } else { nil } }
        try coordinator.send(.refuse(Refusal(code: .unknownModel, reason: "no such model")))
        #expect(try coordinator.failure().reason == "no such model")
        try coordinator.assign(2, [Fixture.window(0)])
        let request = try coordinator.expect("model request") { if case .modelRequest(let r) = $0 { r } else { nil } }
        try coordinator.send(
            .modelChunk(ModelChunk(digest: request.digest, offset: 0, total: 1 << 30, payload: [1])))
        #expect(try coordinator.failure().kind == .model)
        running.worker.drain(.finish, reason: "done")
        #expect(try running.end().exitCode == 0)
    }

    @Test("A damaged file in the cache is replaced")
    func damagedCache() throws {
        let job = Fixture.job(model: model)
        try FileManager.default.createDirectory(at: cache, withIntermediateDirectories: true)
        let file = cache.appending(path: job.model.hex + ".safetensors")
        var damaged = model
        damaged[model.count - 1] ^= 1
        try damaged.write(to: file)
        let coordinator = try ScriptedCoordinator()
        let running = try RunningWorker(coordinator.endpoint, cache: cache)
        try coordinator.register()
        try coordinator.send(.job(job))
        try coordinator.assign(1, [Fixture.window(0)])
        try coordinator.serve(model) { _ in
        } until: {
            coordinator.received { if case .result = $0 { true } else { false } }
        }
        #expect(try Data(contentsOf: file) == model)
        running.worker.drain(.finish, reason: "done")
        #expect(try running.end().exitCode == 0)
    }
}

private final class Box: Sendable {
    private let values = Mutex<[Int]>([])
    var all: [Int] { values.withLock { $0 } }

    func add(_ value: Int) { values.withLock { $0.append(value) } }
}
