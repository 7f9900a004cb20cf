import Canvas
import Denoiser
import Foundation
import Testing
import Wire

@testable import Worker

@Suite("Draining a worker", .serialized)
struct DrainTests {
    private let directory: TemporaryDirectory
    private let gate = Gate()
    private let coordinator: ScriptedCoordinator
    private let running: RunningWorker

    /// A worker with a batch on its compute thread, held at a gate, and another one waiting.
    init() throws {
        directory = try TemporaryDirectory()
        let model = try Fixture.model()
        let file = directory.url.appending(path: "model.safetensors")
        try model.write(to: file)
        coordinator = try ScriptedCoordinator()
        running = try RunningWorker(
            coordinator.endpoint, cache: directory.url.appending(path: "cache"), models: [file]
        ) { [gate] model in
            FunctionEngine(model.configuration, onStep: { _ in gate.pass() })
        }
        try coordinator.register()
        try coordinator.send(.job(Fixture.job(model: model)))
        try coordinator.assign(1, [Fixture.window(0), Fixture.window(1)])
        try coordinator.assign(2, [Fixture.window(2), Fixture.window(3)])
        try coordinator.until("a batch at the gate") { [gate] in gate.arrived == 1 }
        // The second lease is on the worker once it answers something that came later.
        try coordinator.assign(3, job: "unknown", [Fixture.window(9)])
        _ = try coordinator.failure()
    }

    private func checkFinish() throws {
        let failure = try coordinator.failure()
        #expect(failure.kind == .cancelled)
        #expect(failure.lease == 2)
        #expect(failure.windows == [Fixture.window(2).core, Fixture.window(3).core])
        gate.open()
        #expect(try coordinator.result().core.column == 0)
        #expect(try coordinator.result().core.column == 1)
        let bye = try coordinator.expect("bye") { if case .bye(let bye) = $0 { bye } else { nil } }
        #expect(try running.end() == .drained(reason: bye.reason))
        // Nothing is granted after the drain began.
        let granted = coordinator.log.reduce(0) { if case .credit(let credit) = $1 { $0 + credit.windows } else { $0 } }
        #expect(granted == 4)
    }

    @Test("Finish: the batch at hand is delivered, the rest handed back, and the worker says good-bye")
    func finish() throws {
        try coordinator.send(.drain(Drain(mode: .finish, reason: "maintenance")))
        try checkFinish()
        #expect(running.outcome == .drained(reason: "maintenance"))
    }

    @Test("Windows that come during a drain are handed back")
    func late() throws {
        try coordinator.send(.drain(Drain(mode: .finish, reason: "maintenance")))
        #expect(try coordinator.failure().lease == 2)
        try coordinator.assign(4, epoch: 8, [Fixture.window(5)])
        let failure = try coordinator.failure()
        #expect(failure.kind == .cancelled)
        #expect((failure.lease, failure.epoch) == (4, 8))
        gate.open()
        #expect(try running.end().exitCode == 0)
    }

    @Test("Now: everything is handed back at once, though a step goes on")
    func now() throws {
        try coordinator.send(.drain(Drain(mode: .now, reason: "spot instance")))
        let failures = try [coordinator.failure(), coordinator.failure()].sorted { $0.lease < $1.lease }
        #expect(failures.map(\.lease) == [1, 2])
        #expect(failures.flatMap(\.windows) == (0..<4).map { Fixture.window(Int64($0)).core })
        #expect(failures.allSatisfy { $0.kind == .cancelled })
        #expect(try running.end() == .drained(reason: "spot instance"))
        #expect(gate.arrived == 1)
        gate.open()
        _ = try coordinator.expect("bye") { if case .bye = $0 { true } else { nil } }
        #expect(!coordinator.received { if case .result = $0 { true } else { false } })
    }

    @Test("The first SIGTERM finishes the batch")
    func signal() throws {
        let signals = try SignalDrain(running.worker)
        kill(getpid(), SIGTERM)
        try checkFinish()
        withExtendedLifetime(signals) {}
    }

    @Test("The second signal stops at once")
    func secondSignal() throws {
        let signals = try SignalDrain(running.worker)
        kill(getpid(), SIGTERM)
        #expect(try coordinator.failure().lease == 2)
        kill(getpid(), SIGINT)
        #expect(try coordinator.failure().lease == 1)
        #expect(try running.end() == .drained(reason: "interrupted by a second signal"))
        gate.open()
        withExtendedLifetime(signals) {}
    }
}
