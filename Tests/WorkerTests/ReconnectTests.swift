import Canvas
import Denoiser
import Foundation
import Testing
import Wire

@testable import Worker

@Suite("Worker and the loss of its coordinator", .serialized)
struct ReconnectTests {
    private let directory: TemporaryDirectory
    private let model: Data
    private let modelFile: URL

    init() throws {
        directory = try TemporaryDirectory()
        model = try Fixture.model()
        modelFile = directory.url.appending(path: "model.safetensors")
        try model.write(to: modelFile)
    }

    private func worker(_ endpoint: Endpoint, gate: Gate? = nil) throws -> RunningWorker {
        try RunningWorker(endpoint, cache: directory.url.appending(path: "cache"), models: [modelFile]) { model in
            FunctionEngine(model.configuration, onStep: { _ in gate?.pass() })
        }
    }

    @Test("After a restart of the coordinator a worker registers again, and reports nothing of its old leases")
    func restart() throws {
        let gate = Gate()
        var coordinator: ScriptedCoordinator? = try ScriptedCoordinator()
        let endpoint = try #require(coordinator?.endpoint)
        let running = try worker(endpoint, gate: gate)
        try coordinator?.register(heartbeat: 50)
        let identity = coordinator?.hello?.workerID
        try coordinator?.send(.job(Fixture.job(model: model)))
        try coordinator?.assign(1, [Fixture.window(100), Fixture.window(101)])
        try coordinator?.assign(2, [Fixture.window(102), Fixture.window(103)])
        try coordinator?.until("a batch at the gate") { gate.arrived == 1 }
        coordinator = nil

        let second = try ScriptedCoordinator(at: endpoint)
        #expect(try second.register(heartbeat: 50) == 4)
        #expect(second.hello?.workerID == identity)
        try second.send(.job(Fixture.job(model: model)))
        // The same numbers as before: a coordinator that counts from one again.
        try second.assign(1, [Fixture.window(0), Fixture.window(1)])
        gate.open()
        let columns = try (0..<2).map { _ in try second.result().core.column }
        #expect(columns == [0, 1])
        try second.credit(2)
        running.worker.drain(.finish, reason: "done")
        _ = try second.expect("bye") { if case .bye = $0 { true } else { nil } }
        #expect(!second.received { if case .result(let result) = $0 { result.core.column >= 100 } else { false } })
        #expect(!second.received { if case .fail = $0 { true } else { false } })
        #expect(try running.end().exitCode == 0)
    }

    @Test("A coordinator that falls silent is left, and found again")
    func silence() throws {
        let coordinator = try ScriptedCoordinator()
        let running = try worker(coordinator.endpoint)
        try coordinator.register(heartbeat: 20)
        coordinator.heartbeats = false
        #expect(try coordinator.register(heartbeat: 500) == 4)
        #expect(
            running.log.contains { if case .disconnected(let reason) = $0 { reason.contains("silent") } else { false } }
        )
        running.worker.drain(.now, reason: "done")
        #expect(try running.end().exitCode == 0)
    }

    @Test(
        "A worker whose session is unknown, or which is put off, or whose coordinator leaves, registers again",
        arguments: [
            Message.refuse(Refusal(code: .unknownSession, reason: "who are you?")),
            .refuse(Refusal(code: .overloaded, reason: "later")), .bye(Bye(reason: "restart")),
            // What only workers send: the coordinator is none.
            .credit(Credit(windows: 1)),
        ])
    func again(message: Message) throws {
        let coordinator = try ScriptedCoordinator()
        let running = try worker(coordinator.endpoint)
        for _ in 0..<3 {
            try coordinator.register()
            try coordinator.send(message)
        }
        #expect(try coordinator.register() == 4)
        running.worker.drain(.now, reason: "done")
        #expect(try running.end().exitCode == 0)
    }

    @Test("A coordinator that moved is found by the file that holds its address")
    func movedByFile() throws {
        let file = directory.url.appending(path: "address")
        var first: ScriptedCoordinator? = try ScriptedCoordinator()
        let endpoint = try #require(first?.endpoint)
        let running = try RunningWorker(
            endpoint, addresses: [.file(file)], cache: directory.url.appending(path: "cache"), models: [modelFile])
        // The file comes late, and is no address at first.
        try Data("not yet\n".utf8).write(to: file, options: .atomic)
        let idle = ZMQPoller([], wakeUp: try WakeUp())
        let deadline = ContinuousClock.now + .seconds(30)
        while !running.log.contains(where: { $0.description.contains("holds no address") }) {
            try #require(ContinuousClock.now < deadline)
            try idle.wait(milliseconds: 5)
        }
        try Data("\(endpoint)\n".utf8).write(to: file, options: .atomic)
        try first?.register(heartbeat: 50)
        let second = try ScriptedCoordinator()
        try Data("\(second.endpoint)\n".utf8).write(to: file, options: .atomic)
        first = nil
        try second.register()
        running.worker.drain(.now, reason: "done")
        #expect(try running.end().exitCode == 0)
    }

    @Test("Of several addresses the next is tried where one fails, and the one that worked comes first again")
    func severalAddresses() throws {
        let gone = try ScriptedCoordinator().endpoint
        var coordinator: ScriptedCoordinator? = try ScriptedCoordinator()
        let endpoint = try #require(coordinator?.endpoint)
        let running = try RunningWorker(
            endpoint, addresses: [.endpoint(gone), .endpoint(endpoint)],
            cache: directory.url.appending(path: "cache"), models: [modelFile], registration: .milliseconds(300))
        try coordinator?.register(heartbeat: 50)
        coordinator = nil
        coordinator = try ScriptedCoordinator(at: endpoint)
        try coordinator?.register()
        let tried = running.log.compactMap { if case .connecting(let endpoint) = $0 { endpoint } else { nil } }
        #expect(tried.prefix(2) == [gone, endpoint])
        running.worker.drain(.now, reason: "done")
        #expect(try running.end().exitCode == 0)
    }

    @Test(
        "A worker whose key is not known says so and tries again; once it is allowed it works", .timeLimit(.minutes(1)))
    func allowedLate() throws {
        let (server, key) = (try CurveKeyPair.generate(), try CurveKeyPair.generate())
        let list = try AllowList(directory.url.appending(path: "allowed"))
        let coordinator = try ScriptedCoordinator(security: .server(server)) { list.admits($0) }
        let running = try RunningWorker(
            coordinator.endpoint, cache: directory.url.appending(path: "cache"), models: [modelFile],
            security: .client(key, server: server.publicKey))
        try coordinator.until("a refusal") {
            running.log.contains { $0.description.contains("does not let this key in") }
        }
        try list.allow(key.publicKey, name: "w")
        try coordinator.register()
        running.worker.drain(.now, reason: "done")
        #expect(try running.end().exitCode == 0)
    }

    @Test("Waiting times double up to their limit, and are spread over half of it")
    func backoff() {
        let backoff = Backoff(first: .milliseconds(100), limit: .seconds(2))
        var random = SystemRandomNumberGenerator()
        for attempt in -1..<70 {
            let full = min(Duration.milliseconds(100) * (1 << min(max(attempt, 0), 10)), .seconds(2))
            let delay = backoff.delay(attempt: attempt, using: &random)
            #expect(delay >= full / 2 && delay <= full)
        }
    }
}
