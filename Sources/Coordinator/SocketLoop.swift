import Canvas
import Foundation
import Logging
import Scheduling
import Wire

/// The coordinator's one thread that owns the socket: it turns messages and commands into scheduler events, and
/// carries out the scheduler's actions.
final class SocketLoop {
    let epoch: UInt64
    let heartbeat: Duration
    let router: ZMQSocket
    let poller: ZMQPoller
    let commands: Mailbox<Command>
    let store: StoreQueue
    let jobStore: JobStore
    let log: Logger
    private let publish: (Status) -> Void
    let endpoint: Endpoint
    private let clock = ContinuousClock()
    private let start: ContinuousClock.Instant
    private let startDate = Date()

    var scheduler: Scheduler
    var jobs: [JobID: JobEntry] = [:]
    var order: [JobID] = []
    var sessions: [WorkerID: Session] = [:]
    var peers: [PeerID: WorkerID] = [:]
    /// Sessions with messages that the socket could not take yet.
    private var backlogged: Set<WorkerID> = []
    var admission: Admission
    private var nextWorker: UInt64 = 1
    private var nextTick = Duration.zero
    private var nextHeartbeat = Duration.zero
    private var nextPublish = Duration.zero
    var isStopping = false
    private var stopDeadline = Duration.zero

    init(
        epoch: UInt64, heartbeat: Duration, router: ZMQSocket, endpoint: Endpoint, wakeUp: WakeUp,
        commands: Mailbox<Command>, store: StoreQueue, jobStore: JobStore, admission: Admission, log: Logger,
        publish: @escaping (Status) -> Void
    ) {
        self.epoch = epoch
        self.heartbeat = heartbeat
        self.router = router
        self.endpoint = endpoint
        self.commands = commands
        self.store = store
        self.jobStore = jobStore
        self.admission = admission
        var log = log
        log[metadataKey: "epoch"] = "\(epoch)"
        self.log = log
        self.publish = publish
        poller = ZMQPoller([router], wakeUp: wakeUp)
        var policy = SchedulerPolicy()
        policy.silence = max(policy.silence, heartbeat * 5)
        scheduler = Scheduler(epoch: epoch, policy: policy)
        start = clock.now
    }

    var now: Duration { start.duration(to: clock.now) }

    /// Run until a shutdown is complete.
    ///
    /// - Throws: `TransportError` where the socket itself fails.
    func run() throws {
        while true {
            try poller.wait(milliseconds: 100)
            try receiveAll()
            for command in commands.takeAll() { obey(command) }
            flushOutboxes()
            try keepTime()
            if isStopping, sessions.isEmpty || now > stopDeadline { break }
        }
        publish(status())
    }

    private func receiveAll() throws {
        for _ in 0..<1024 {
            guard let received = try router.receive() else { return }
            guard let peer = received.peer, admit(received, from: peer) else { continue }
            switch received.message {
            case .success(let message): receive(message, from: peer, key: received.key)
            case .failure(let error):
                log.warning("a message that cannot be read", metadata: ["peer": "\(peer)", "error": "\(error)"])
                reply(.refuse(Refusal(code: .badMessage, reason: "\(error)")), to: peer)
            }
        }
    }

    private func obey(_ command: Command) {
        switch command {
        case .submit(let job, let done, let profile, let published):
            if jobs[job.id] == nil { order.append(job.id) }
            jobs[job.id] = JobEntry(job, profile: profile)
            store.begin(job)
            handle(
                .submitted(
                    job.id, plan: job.plan, done: done, priority: job.request.priority, profile: profile))
            publish(status())
            published.signal()
        case .pause(let id): setPhase(.paused, of: id, .paused(id))
        case .resume(let id):
            jobs[id]?.error = nil
            setPhase(.running, of: id, .resumed(id))
        case .cancel(let id): setPhase(.cancelled, of: id, .cancelled(id))
        case .retry(let id):
            jobs[id]?.forgetFailures()
            record(.running, of: id)
            handle(.retried(id))
            nextPublish = .zero
        case .prefer(let id, let sets): handle(.preferred(id, sets))
        case .setPriority(let id, let priority):
            jobs[id]?.priority = priority
            handle(.reprioritized(id, priority))
            nextPublish = .zero
        case .dump(let order): order.fulfil(dump())
        case .drain(let worker, let now, let reason): drain(WorkerID(worker), now: now, reason: reason)
        case .prepared(let lease, .success(let windows)): assign(lease, windows)
        case .prepared(let lease, .failure(let failure)):
            stop(job: lease.job, because: failure)
            let reference = LeaseReference(id: lease.id, epoch: lease.epoch)
            sessions[lease.worker]?.close(lease.cores.count, of: lease.id)
            credit(lease.worker, lease.cores.count)
            handle(.failed(lease.worker, reference, lease.cores, .returned, reason: failure.description))
        case .stored(let id, let cores):
            jobs[id]?.meter.add(cores.count, at: now)
            handle(.stored(id, cores))
        case .unstored(let id, let cores, let failure):
            stop(job: id, because: failure)
            handle(.unstored(id, cores))
        case .repaired(let id, let done, let failure): restart(id, done: done, because: failure)
        case .finalized(let id, let failure):
            jobs[id]?.isFinalized = true
            if let failure { jobs[id]?.error = failure.description }
            record(.finished, of: id)
            nextPublish = .zero
        case .allowListChanged: enforceAllowList()
        case .shutdown(let keepsWorkers):
            isStopping = true
            stopDeadline = now + .seconds(10)
            for id in order where jobs[id] != nil { handle(.paused(id)) }
            for id in sessions.keys.sorted() {
                if keepsWorkers { dismiss(id) } else { drain(id, now: true, reason: "the coordinator stops") }
            }
        }
    }

    private func setPhase(_ phase: JobProgress.Phase, of id: JobID, _ event: Event) {
        record(phase, of: id)
        handle(event)
        nextPublish = .zero
    }

    func record(_ phase: JobProgress.Phase, of id: JobID) {
        do {
            try jobStore.set(phase: phase, of: id)
        } catch {
            log.error("the jobs database cannot be written", metadata: ["job": "\(id)", "error": "\(error)"])
        }
    }

    /// Pause a job whose pixels cannot be read or kept; nothing stored is lost.
    private func stop(job id: JobID, because failure: StoreFailure) {
        guard !failure.isRepaired else { return }
        log.error("job stopped", metadata: ["job": "\(id)", "error": "\(failure)"])
        jobs[id]?.error = failure.description
        handle(.paused(id))
        nextPublish = .zero
    }

    /// Begin a job anew from what is stored, after a damaged file was repaired.
    private func restart(_ id: JobID, done: [CoreSet], because failure: StoreFailure) {
        guard let entry = jobs[id], scheduler.progress(of: id)?.phase == .running else { return }
        log.error("damage repaired", metadata: ["job": "\(id)", "error": "\(failure)"])
        handle(.cancelled(id))
        handle(
            .submitted(
                id, plan: entry.job.plan, done: done, priority: entry.priority, profile: entry.profile))
        nextPublish = .zero
    }

    /// Stop at once where the scheduler's books are wrong: what is committed stays as it is, and what is in hand is not
    /// trusted any more.
    private func audit() throws {
        let wrong = scheduler.audit()
        guard let first = wrong.first else { return }
        log.critical("invariant broken", metadata: ["invariant": "\(first)", "broken": "\(wrong.count)"])
        throw InvariantBroken(description: first, dump: dump())
    }

    func dump() -> StateDump {
        StateDump(
            taken: Date(), status: status(), scheduler: scheduler.dump(at: now),
            unsent: Dictionary(
                uniqueKeysWithValues: sessions.values.filter { !$0.outbox.isEmpty }.map {
                    ($0.id.description, $0.outbox.count)
                }))
    }

    private func keepTime() throws {
        let now = now
        if now >= nextTick {
            nextTick = now + .seconds(1)
            handle(.ticked)
            try audit()
            police()
        }
        if now >= nextHeartbeat {
            nextHeartbeat = now + heartbeat
            for id in sessions.keys.sorted() { send(.heartbeat(Heartbeat()), to: id) }
        }
        if now >= nextPublish {
            nextPublish = now + .milliseconds(250)
            publish(status())
        }
    }

    func status() -> Status {
        let now = now
        return Status(
            softwareVersion: Version.current, endpoint: endpoint.description, started: startDate,
            jobs: order.compactMap { id in
                scheduler.progress(of: id).flatMap { jobs[id]?.status(progress: $0, now: now) }
            },
            workers: sessions.values.sorted { $0.id < $1.id }.map { $0.status(now: now) })
    }

    // MARK: - Workers

    func join(_ hello: Hello, from peer: PeerID, key: CurveKey?) {
        guard hello.protocolVersion == Message.protocolVersion else {
            let reason =
                "the coordinator speaks protocol \(Message.protocolVersion) (tessera \(Version.current)), "
                + "the worker \(hello.protocolVersion) (\(hello.softwareVersion)): install the same version on both"
            log.warning("worker refused", metadata: ["worker": "\(hello.name)", "reason": "\(reason)"])
            reply(.refuse(Refusal(code: .protocolVersion, reason: reason)), to: peer)
            return
        }
        if let former = peers[peer] {
            // A worker says Hello once on a connection; what it knows of its session is void now.
            remove(former)
            reply(.refuse(Refusal(code: .unknownSession, reason: "registered already: register again")), to: peer)
            return
        }
        for session in sessions.values where session.hello.workerID == hello.workerID && session.key == key {
            remove(session.id)
        }
        if let refusal = refusal(of: hello, key: key) { return reply(.refuse(refusal), to: peer) }
        let id = WorkerID(nextWorker)
        nextWorker += 1
        sessions[id] = Session(id: id, peer: peer, hello: hello, key: key, now: now)
        peers[peer] = id
        log.info(
            "worker joined",
            metadata: [
                "worker": "\(id)", "name": "\(hello.name)", "host": "\(hello.host)", "profile": "\(hello.profile)",
            ])
        send(
            .welcome(
                Welcome(
                    session: epoch, heartbeatMilliseconds: Int(heartbeat / .milliseconds(1)),
                    softwareVersion: Version.current)),
            to: id)
        handle(.joined(id, batch: hello.batch, profile: hello.profile, identity: sessions[id]?.identity))
        if isStopping { drain(id, now: true, reason: "the coordinator stops") }
    }

    /// Forget a worker; its leases go to others.
    func remove(_ id: WorkerID) {
        guard let session = sessions.removeValue(forKey: id) else { return }
        peers[session.peer] = nil
        handle(.left(id))
    }

    private func drain(_ id: WorkerID, now: Bool, reason: String) {
        sessions[id]?.isDraining = true
        send(.drain(Drain(mode: now ? .now : .finish, reason: reason)), to: id)
        handle(.draining(id))
    }

    /// Part from a worker, which looks for this coordinator again.
    private func dismiss(_ id: WorkerID) {
        guard let peer = sessions[id]?.peer else { return }
        reply(.bye(Bye(reason: "the coordinator stops; it may come back")), to: peer)
        remove(id)
    }

    private func assign(_ lease: Lease, _ windows: [WindowRequest]) {
        guard sessions[lease.worker]?.leases[lease.id] != nil else { return }
        send(
            .assign(Assignment(lease: lease.id, epoch: lease.epoch, jobID: lease.job, windows: windows)),
            to: lease.worker)
    }

    // MARK: - Sending

    /// Send to a registered worker; what the socket cannot take waits, in order.
    func send(_ message: Message, to id: WorkerID) {
        guard let session = sessions[id] else { return }
        if session.outbox.isEmpty, transmit(message, to: session.peer) != .wouldBlock { return }
        sessions[id]?.outbox.append(message)
        backlogged.insert(id)
    }

    /// Answer a peer that may not be registered.
    func reply(_ message: Message, to peer: PeerID) {
        _ = transmit(message, to: peer)
    }

    private func transmit(_ message: Message, to peer: PeerID) -> SendOutcome {
        do {
            let outcome = try router.send(message, to: peer)
            if outcome == .unroutable, let id = peers[peer] {
                log.info("worker gone", metadata: ["worker": "\(id)"])
                remove(id)
            }
            return outcome
        } catch {
            log.error("a message cannot be sent", metadata: ["peer": "\(peer)", "error": "\(error)"])
            return .sent
        }
    }

    private func flushOutboxes() {
        for id in backlogged.sorted() {
            while let message = sessions[id]?.outbox.first, let peer = sessions[id]?.peer,
                transmit(message, to: peer) == .sent
            {
                sessions[id]?.outbox.removeFirst()
            }
            if sessions[id]?.outbox.isEmpty ?? true { backlogged.remove(id) }
        }
    }
}
