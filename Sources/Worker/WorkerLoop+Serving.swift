internal import Canvas
internal import Foundation
internal import Wire

extension WorkerLoop {
    /// Messages taken in one turn, before timers and the compute thread are looked at again.
    private static let messagesPerTurn = 64

    func serve(_ connection: Connection, _ now: ContinuousClock.Instant) throws -> WorkerOutcome? {
        for event in reports.take() { try handle(event) }
        for _ in 0..<Self.messagesPerTurn {
            guard let message = try connection.receive() else { break }
            session.lastHeard = now
            if let outcome = try handle(message) { return outcome }
            guard case .registered = phase else { return nil }
        }
        if let problem = connection.problem() {
            disconnect("\(problem)")
            return nil
        }
        try connection.flush()
        if let draining, session.leases.isEmpty { return try leave(connection, reason: draining.reason) }
        let silence = session.heartbeat * options.silentHeartbeats
        guard now - session.lastHeard <= silence else {
            disconnect("the coordinator was silent for \(silence)")
            return nil
        }
        if now >= session.nextHeartbeat {
            session.nextHeartbeat = now + session.heartbeat
            try send(.heartbeat(heartbeat()))
        }
        try checkDownload(now)
        guard case .registered = phase else { return nil }
        let next = min(session.nextHeartbeat, session.lastHeard + silence)
        try connection.wait(milliseconds: milliseconds(until: next, now))
        return nil
    }

    /// Send to the coordinator; what has no connection is forgotten, as its leases are.
    func send(_ message: Message) throws {
        guard case .registered(let connection) = phase else { return }
        try connection.send(message)
    }

    private func heartbeat() -> Heartbeat {
        let counters = reports.counters
        return Heartbeat(
            lease: queue.runningLease, windowsFinished: counters.windows, steps: counters.steps,
            residentBytes: Self.residentBytes())
    }

    /// Resident memory of this process, or 0 where /proc does not tell (proc(5), "statm").
    private static func residentBytes() -> UInt64 {
        guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .ascii) else { return 0 }
        let fields = text.split(separator: " ")
        guard fields.count > 1, let pages = UInt64(fields[1]) else { return 0 }
        return pages.multipliedReportingOverflow(by: UInt64(max(sysconf(Int32(_SC_PAGESIZE)), 0))).partialValue
    }

    // MARK: - Messages

    private func handle(_ message: Message) throws -> WorkerOutcome? {
        switch message {
        case .job(let job):
            session.remember(job)
            options.log(.job(job.jobID))
        case .assign(let assignment):
            try accept(assignment)
        case .revoke(let revocation):
            try revoke(revocation)
        case .modelChunk(let chunk):
            try accept(chunk)
        case .refuse(let refusal) where refusal.code == .unknownModel:
            if let model = session.download?.model.digest { try failModel(model, .model, refusal.reason) }
        case .refuse(let refusal):
            return refused(refusal)
        case .drain(let request):
            return try drain(request)
        case .bye(let bye):
            disconnect("the coordinator left: \(bye.reason)")
        case .heartbeat, .welcome:
            break
        case .hello, .credit, .progress, .result, .fail, .modelRequest:
            disconnect("the coordinator sent a worker's message")
        }
        return nil
    }

    private func accept(_ assignment: Assignment) throws {
        let key = LeaseKey(registration: registration, lease: assignment.lease, epoch: assignment.epoch)
        guard session.leases[key] == nil else { return }
        session.leases[key] = Session.Lease(
            cores: assignment.windows.map(\.core), open: Set(assignment.windows.indices))
        let inCredit = assignment.windows.count <= session.credit
        session.credit = max(0, session.credit - assignment.windows.count)
        func refuse(_ kind: Failure.Kind, _ reason: String) throws {
            session.leases[key] = nil
            try sendFailure(key, assignment.windows.map(\.core), kind, reason)
            if inCredit { try grant(assignment.windows.count) }
        }
        if let draining { return try refuse(.cancelled, "the worker is draining: \(draining.reason)") }
        guard inCredit else { return try refuse(.cancelled, "more windows than the worker has granted") }
        guard let job = session.jobs[assignment.jobID] else {
            return try refuse(.environment, "job \(assignment.jobID) was not described to this worker")
        }
        if let profile = job.exactProfile, profile != options.profile {
            return try refuse(
                .environment, "the job needs the numeric profile \(profile); this worker has \(options.profile)")
        }
        do {
            for window in assignment.windows { try job.check(window) }
        } catch {
            return try refuse(.model, "\(error)")
        }
        let windows = assignment.windows.enumerated().map {
            QueuedWindow(lease: key, index: $0, job: job, request: $1)
        }
        if let file = store.file(job.model) {
            queue.add(windows, model: file)
        } else {
            session.waiting[job.model, default: []] += windows
            try startDownload()
        }
    }

    private func revoke(_ revocation: Revocation) throws {
        let key = LeaseKey(registration: registration, lease: revocation.lease, epoch: revocation.epoch)
        guard let lease = session.leases.removeValue(forKey: key) else { return }
        queue.drop { $0 == key }
        for model in session.waiting.keys { session.waiting[model]?.removeAll { $0.lease == key } }
        try grant(lease.open.count)
    }

    func grant(_ windows: Int) throws {
        guard windows > 0, draining == nil else { return }
        session.credit += windows
        try send(.credit(Credit(windows: windows)))
    }

    private func sendFailure(_ key: LeaseKey, _ cores: [Core], _ kind: Failure.Kind, _ reason: String) throws {
        guard !cores.isEmpty else { return }
        options.log(.failed(windows: cores.count, reason: reason))
        try send(
            .fail(Failure(lease: key.lease, epoch: key.epoch, windows: cores, kind: kind, reason: reason)))
    }

    /// Tell the coordinator that windows were not rendered, and that there is room for others.
    func giveBack(_ windows: [QueuedWindow], _ kind: Failure.Kind, _ reason: String) throws {
        var order: [LeaseKey] = []
        var cores: [LeaseKey: [Core]] = [:]
        for window in windows where session.resolve(window) {
            if cores[window.lease] == nil { order.append(window.lease) }
            cores[window.lease, default: []].append(window.request.core)
        }
        for key in order { try sendFailure(key, cores[key] ?? [], kind, reason) }
        try grant(cores.values.reduce(0) { $0 + $1.count })
    }

    // MARK: - Draining

    func drain(_ request: Drain) throws -> WorkerOutcome? {
        if draining == nil || request.mode == .now {
            options.log(.draining(reason: request.reason))
            draining = request
        }
        guard case .registered(let connection) = phase else { return .drained(reason: request.reason) }
        let reason = "the worker is draining: \(request.reason)"
        try giveBack(queue.takeBack() + session.waiting.values.flatMap { $0 }, .cancelled, reason)
        session.waiting = [:]
        session.download = nil
        guard request.mode == .now else { return nil }
        queue.stop()
        for (key, lease) in session.leases {
            try sendFailure(key, lease.open.sorted().map { lease.cores[$0] }, .cancelled, reason)
        }
        session.leases = [:]
        return try leave(connection, reason: request.reason)
    }

    /// Say good-bye; the socket, when it is closed, still sends what it was given.
    private func leave(_ connection: Connection, reason: String) throws -> WorkerOutcome {
        try connection.send(.bye(Bye(reason: reason)))
        let deadline = ContinuousClock.now + .seconds(5)
        while !connection.isFlushed, .now < deadline {
            try connection.flush()
            if !connection.isFlushed { try connection.wait(milliseconds: 5) }
        }
        return .drained(reason: reason)
    }
}
