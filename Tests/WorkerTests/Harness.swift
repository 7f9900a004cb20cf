import Denoiser
import Foundation
import Synchronization
import Testing
import Wire

@testable import Worker

struct Late: Error, CustomStringConvertible {
    var description: String
}

/// A coordinator that does what a test tells it, on the test's thread.
final class ScriptedCoordinator {
    let endpoint: Endpoint
    private(set) var peer: PeerID?
    private(set) var hello: Hello?
    /// Everything received that no test has asked for yet.
    private var inbox: [(PeerID, Message)] = []
    /// Everything received, in order.
    private(set) var log: [Message] = []
    private let router: ZMQSocket
    private let poller: ZMQPoller
    var heartbeats = true

    private let gate: CurveGate?

    init(
        at endpoint: Endpoint? = nil, security: Security = .none, admits: (@Sendable (CurveKey) -> Bool)? = nil
    ) throws {
        let context = try ZMQContext()
        gate = try admits.map { try CurveGate(context: context, admits: $0) }
        var options = ZMQOptions()
        options.linger = 0
        options.security = security
        router = try ZMQSocket(.router, context: context, options: options)
        self.endpoint = try router.bind(try endpoint ?? Endpoint("tcp://127.0.0.1:*"))
        poller = ZMQPoller([router], wakeUp: try WakeUp())
    }

    /// Do a turn: take what has come, keep the worker's patience.
    func turn() throws {
        while let received = try router.receive() {
            guard let peer = received.peer else { continue }
            let message = try received.message.get()
            inbox.append((peer, message))
            log.append(message)
        }
        if heartbeats, let peer { _ = try router.send(.heartbeat(Heartbeat()), to: peer) }
        try poller.wait(milliseconds: 10)
    }

    /// Return the first waiting message that `match` wants; the others stay, or are dropped with it.
    func expect<Value>(_ what: String, _ match: (Message) -> Value?) throws -> Value {
        let deadline = ContinuousClock.now + .seconds(30)
        while ContinuousClock.now < deadline {
            for index in inbox.indices {
                if let value = match(inbox[index].1) {
                    peer = inbox.remove(at: index).0
                    return value
                }
            }
            try turn()
        }
        throw Late(description: "\(what) did not come; received \(log.suffix(20))")
    }

    func until(_ what: String, _ condition: () -> Bool) throws {
        let deadline = ContinuousClock.now + .seconds(30)
        while !condition() {
            guard ContinuousClock.now < deadline else {
                throw Late(description: "\(what) did not happen: \(log.suffix(20))")
            }
            try turn()
        }
    }

    func send(_ message: Message) throws {
        #expect(try router.send(message, to: #require(peer)) == .sent)
    }

    /// Take a worker in, and return the credit it grants.
    @discardableResult
    func register(heartbeat: Int = 500) throws -> Int {
        hello = try expect("hello") { if case .hello(let hello) = $0 { hello } else { nil } }
        try send(.welcome(Welcome(session: 1, heartbeatMilliseconds: heartbeat, softwareVersion: "test")))
        return try expect("credit") { if case .credit(let credit) = $0 { credit.windows } else { nil } }
    }

    func result() throws -> WindowResult {
        try expect("result") { if case .result(let result) = $0 { result } else { nil } }
    }

    func failure() throws -> Failure {
        try expect("fail") { if case .fail(let failure) = $0 { failure } else { nil } }
    }

    func credit(_ windows: Int) throws {
        var granted = 0
        while granted < windows {
            granted += try expect("credit") { if case .credit(let credit) = $0 { credit.windows } else { nil } }
        }
        #expect(granted == windows)
    }

    func assign(_ lease: UInt64, epoch: UInt64 = 1, job: String = "job", _ windows: [WindowRequest]) throws {
        try send(.assign(Assignment(lease: lease, epoch: epoch, jobID: job, windows: windows)))
    }

    /// Answer requests for pieces of a model until `isDone`; `damage` may change what is sent.
    func serve(_ model: Data, damage: (inout ModelChunk) -> Void = { _ in }, until isDone: () -> Bool) throws {
        try until("the end of the fetch") {
            while let index = inbox.firstIndex(where: { if case .modelRequest = $0.1 { true } else { false } }) {
                guard case (let peer, .modelRequest(let request)) = inbox.remove(at: index) else { continue }
                let start = Int(request.offset)
                var chunk = ModelChunk(
                    digest: request.digest, offset: request.offset, total: UInt64(model.count),
                    payload: Array(model[start..<start + request.length]))
                damage(&chunk)
                #expect((try? router.send(.modelChunk(chunk), to: peer)) == .sent)
            }
            return isDone()
        }
    }

    func received(_ match: (Message) -> Bool) -> Bool { log.contains(where: match) }
}

/// A worker on a thread of its own.
final class RunningWorker: Sendable {
    let worker: Worker
    private let result = Mutex<WorkerOutcome?>(nil)

    init(
        _ endpoint: Endpoint, addresses: [Address]? = nil, cache: URL, models: [URL] = [], batch: Int = 2,
        patience: Duration? = .seconds(30), registration: Duration = .seconds(10), security: Security = .none,
        makeEngine: @escaping WorkerOptions.EngineFactory = { FunctionEngine($0.configuration) }
    ) throws {
        let box = EventBox()
        var options = WorkerOptions(
            addresses: addresses ?? [.endpoint(endpoint)], name: "w", batch: batch, profile: "test/function",
            models: models, cache: cache,
            patience: patience, softwareVersion: "test", log: { box.add($0) }, makeEngine: makeEngine)
        options.registration = registration
        options.security = security
        options.backoff = Backoff(first: .milliseconds(10), limit: .milliseconds(50))
        worker = try Worker(options)
        self.box = box
        Thread { [self] in
            let outcome = worker.run()
            result.withLock { $0 = outcome }
        }.start()
    }

    private let box: EventBox
    var log: [WorkerEvent] { box.all }

    var outcome: WorkerOutcome? { result.withLock { $0 } }

    /// Wait for the worker's end without a coordinator.
    func end() throws -> WorkerOutcome {
        let poller = ZMQPoller([], wakeUp: try WakeUp())
        let deadline = ContinuousClock.now + .seconds(30)
        while ContinuousClock.now < deadline {
            if let outcome { return outcome }
            try poller.wait(milliseconds: 5)
        }
        throw Late(description: "the worker did not end: \(log)")
    }
}

private final class EventBox: Sendable {
    private let events = Mutex<[WorkerEvent]>([])
    var all: [WorkerEvent] { events.withLock { $0 } }

    func add(_ event: WorkerEvent) { events.withLock { $0.append(event) } }
}
