internal import Foundation
internal import Wire

/// The I/O thread: owns the socket, answers the coordinator, and passes windows and pixels between it and the compute
/// thread.
final class WorkerLoop {
    enum Phase {
        /// Backing off.
        case apart(until: ContinuousClock.Instant)
        case registering(Connection, deadline: ContinuousClock.Instant, greeted: Bool)
        case registered(Connection)
    }

    let options: WorkerOptions
    let store: ModelStore
    let queue = WorkQueue()
    let reports: ComputeReports
    var phase: Phase
    /// Meaningful while registered.
    var session: Session
    var draining: Drain?
    /// Counts registrations.
    var registration: UInt64 = 0

    private let wakeUp: WakeUp
    private let idle: ZMQPoller
    private let takeRequest: () -> Drain?
    private let context: ZMQContext
    private let workerID = UUID()
    private var random = SystemRandomNumberGenerator()
    /// Failed attempts in a row.
    private var attempt = 0
    /// Attempts that led to no registration: the next one is at the next address.
    private var attempts = 0
    private var lastRegistered = ContinuousClock.now
    private var problem: String?

    init(options: WorkerOptions, wakeUp: WakeUp, takeRequest: @escaping () -> Drain?) throws {
        self.options = options
        self.wakeUp = wakeUp
        self.takeRequest = takeRequest
        store = try ModelStore(paths: options.models, cache: options.cache)
        context = try ZMQContext()
        idle = ZMQPoller([], wakeUp: wakeUp)
        reports = ComputeReports(wakeUp: wakeUp)
        phase = .apart(until: .now)
        session = Session(heartbeat: .seconds(1), now: .now)
        ComputeThread.start(queue: queue, reports: reports, options: options)
    }

    func close() {
        queue.close()
    }

    /// - Throws: `TransportError` where sockets cannot be had.
    func run() throws -> WorkerOutcome {
        lastRegistered = .now
        while true {
            if let outcome = try turn() { return outcome }
        }
    }

    private func turn() throws -> WorkerOutcome? {
        if let request = takeRequest(), let outcome = try drain(request) { return outcome }
        let now = ContinuousClock.now
        switch phase {
        case .apart(let until):
            for event in reports.take() { try handle(event) }
            if let draining { return .drained(reason: draining.reason) }
            if let outcome = checkPatience(now) { return outcome }
            guard now >= until else {
                try idle.wait(milliseconds: milliseconds(until: until, now))
                return nil
            }
            try connect(now)
        case .registering(let connection, let deadline, let greeted):
            return try register(connection, deadline, greeted, now)
        case .registered(let connection):
            lastRegistered = now
            do {
                return try serve(connection, now)
            } catch let error as WireError {
                disconnect("the coordinator sent: \(error)")
            } catch let error as TransportError {
                disconnect("\(error)")
            }
        }
        return nil
    }

    /// Try the next address.
    private func connect(_ now: ContinuousClock.Instant) throws {
        let address = options.addresses[attempts % options.addresses.count]
        do {
            let endpoint = try address.resolved()
            guard endpoint.isLoopback || !options.isConfinedToLoopback else {
                throw WorkerError("\(endpoint) may be another machine, and this worker was given no keys for it")
            }
            options.log(.connecting(endpoint))
            let connection = try Connection(
                endpoint, security: options.security, context: context, wakeUp: wakeUp)
            phase = .registering(connection, deadline: now + options.registration, greeted: false)
        } catch let error as WorkerError {
            disconnect(error.description)
        }
    }

    private func register(
        _ connection: Connection, _ deadline: ContinuousClock.Instant, _ greeted: Bool, _ now: ContinuousClock.Instant
    ) throws -> WorkerOutcome? {
        for event in reports.take() { try handle(event) }
        if let outcome = checkPatience(now) { return outcome }
        if !greeted {
            try connection.send(.hello(hello()))
            phase = .registering(connection, deadline: deadline, greeted: true)
        }
        try connection.flush()
        do {
            if let message = try connection.receive() { return try answer(to: message, connection) }
        } catch let error as WireError {
            disconnect("the coordinator sent: \(error)")
            return nil
        }
        if let problem = connection.problem() {
            disconnect("\(problem)")
            return nil
        }
        guard now < deadline else {
            disconnect("no answer within \(options.registration)")
            return nil
        }
        try connection.wait(milliseconds: milliseconds(until: deadline, now))
        return nil
    }

    /// Take the coordinator's first words; anything else on a new connection is of no use.
    private func answer(to message: Message, _ connection: Connection) throws -> WorkerOutcome? {
        switch message {
        case .welcome(let welcome):
            attempt = 0
            problem = nil
            registration += 1
            session = Session(heartbeat: .milliseconds(welcome.heartbeatMilliseconds), now: .now)
            phase = .registered(connection)
            options.log(.registered(session: welcome.session))
            try grant(2 * options.batch)
        case .refuse(let refusal):
            return refused(refusal)
        default:
            break
        }
        return nil
    }

    func refused(_ refusal: Refusal) -> WorkerOutcome? {
        switch refusal.code {
        case .protocolVersion, .notAllowed, .profile:
            return .failed(reason: "the coordinator at \(options.place) refused this worker: \(refusal.reason)")
        case .unknownSession, .overloaded, .badMessage, .unknownModel:
            disconnect(refusal.reason)
            return nil
        }
    }

    private func hello() -> Hello {
        let name = options.name.isEmpty ? "worker" : options.name
        return Hello(
            softwareVersion: options.softwareVersion, workerID: workerID, name: name,
            host: Self.hostName, pid: Int(ProcessInfo.processInfo.processIdentifier),
            device: options.device, profile: options.profile, batch: options.batch, cachedModels: store.digests)
    }

    /// The name of this machine, without asking the network for it.
    private static var hostName: String {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "" }
        return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// Forget the coordinator and all its leases, and come back later.
    func disconnect(_ reason: String) {
        options.log(.disconnected(reason: reason))
        problem = reason
        switch phase {
        case .registered(let connection): connection.abandon()
        case .registering(let connection, _, _):
            connection.abandon()
            attempts += 1
        case .apart: attempts += 1
        }
        queue.stop()
        session = Session(heartbeat: session.heartbeat, now: .now)
        phase = .apart(until: .now + options.backoff.delay(attempt: attempt, using: &random))
        attempt += 1
    }

    private func checkPatience(_ now: ContinuousClock.Instant) -> WorkerOutcome? {
        guard let patience = options.patience, now - lastRegistered > patience else { return nil }
        let cause = problem.map { " (\($0))" } ?? ""
        return .failed(
            reason: "no coordinator took this worker at \(options.place) for \(patience)\(cause);"
                + " start one with `tessera serve`, or check the address")
    }

    func milliseconds(until instant: ContinuousClock.Instant, _ now: ContinuousClock.Instant) -> Int {
        let ceiling = Duration.seconds(1)
        return Int((min(max(instant - now, .zero), ceiling) / .milliseconds(1)).rounded(.up))
    }
}
