import Canvas
import Scheduling

/// The coordinator's shell as `Sources/Coordinator` behaves, around the real scheduler.
struct SimulatedCoordinator: Sendable {
    var scheduler: Scheduler
    var isUp = true
    var life = 1
    var peers: [Int: WorkerID] = [:]
    var connections: [WorkerID: Int] = [:]
    var identities: [WorkerID: UInt64] = [:]
    var nextWorker: UInt64 = 1
    /// What has arrived and is not committed yet.
    var arrivals: [(job: JobID, core: Core, pixels: UInt64)] = []
    var isCommitting = false
    /// Windows granted to a session, less those leased to it.
    var credit: [WorkerID: Int] = [:]
    var draining: Set<WorkerID> = []
    var ended: Set<JobID> = []
}

extension Cluster {
    static let version = 1

    mutating func receive(_ message: ToCoordinator, peer: Int) {
        guard coordinator.isUp else { return }
        if case .hello(let version, let batch, let identity) = message {
            return join(peer, version, batch, identity)
        }
        guard let id = coordinator.peers[peer] else {
            if case .bye = message { return }
            return send(.refuse(forGood: false), to: peer)
        }
        switch message {
        case .hello: break
        case .credit(let windows):
            coordinator.credit[id, default: 0] += windows
            perform(.credited(id, windows: windows))
        case .heartbeat: perform(.heard(id))
        case .progress(let lease): perform(.progressed(id, lease))
        case .result(let lease, let core, let pixels, let isChecked):
            guard isChecked else {
                // The checksum is of other pixels: break with the worker.
                send(.refuse(forGood: false), to: peer)
                return remove(id)
            }
            receiving = pixels
            perform(.received(id, lease, core))
        case .failed(let lease, let cores, let kind):
            if kind == .window, let identity = coordinator.identities[id] {
                for core in cores {
                    guard let job = coordinator.scheduler.job(of: core, under: lease, of: id) else { continue }
                    blame[job, default: [:]][core, default: []].insert(identity)
                }
            }
            perform(.failed(id, lease, cores, kind, reason: "simulated"))
        case .bye: remove(id)
        }
    }

    private mutating func join(_ peer: Int, _ version: Int, _ batch: Int, _ identity: UInt64) {
        guard version == Self.version else { return send(.refuse(forGood: true), to: peer) }
        if let former = coordinator.peers[peer] {
            // A worker says so once on a connection: this one is of a session that it may not know of.
            remove(former)
            return send(.refuse(forGood: false), to: peer)
        }
        for (id, known) in coordinator.identities where known == identity { remove(id) }
        let id = WorkerID(coordinator.nextWorker)
        coordinator.nextWorker += 1
        coordinator.peers[peer] = id
        coordinator.connections[id] = peer
        coordinator.identities[id] = identity
        send(.welcome, to: peer)
        perform(.joined(id, batch: batch, profile: "simulated", identity: identity))
    }

    private mutating func remove(_ id: WorkerID) {
        forget(id)
        perform(.left(id))
    }

    private mutating func forget(_ id: WorkerID) {
        if let peer = coordinator.connections.removeValue(forKey: id) { coordinator.peers[peer] = nil }
        coordinator.identities[id] = nil
        coordinator.credit[id] = nil
        coordinator.draining.remove(id)
    }

    mutating func alarm(_ alarm: CoordinatorAlarm) {
        switch alarm {
        case .tick:
            schedule(.seconds(1), .coordinator(life: coordinator.life, .tick))
            perform(.ticked)
            if now.components.seconds % 2 == 0 {
                for id in coordinator.connections.keys.sorted() {
                    if let peer = coordinator.connections[id] { send(.heartbeat, to: peer) }
                }
            }
        case .committed: commit()
        }
    }

    private mutating func commit() {
        coordinator.isCommitting = false
        let batch = coordinator.arrivals
        coordinator.arrivals = []
        let isFull = random.chance(rate(faults.fullDisk))
        for job in jobs.map(\.id) {
            let group = batch.filter { $0.job == job }
            guard !group.isEmpty else { continue }
            if isFull {
                perform(.unstored(job, group.map(\.core)))
                continue
            }
            for item in group {
                if let known = committed[job]?[item.core], known != item.pixels {
                    violate("window \(item.core) of \(job) is stored twice with different bytes")
                }
                committed[job, default: [:]][item.core] = item.pixels
                if pixels(of: item.core, job: job) != item.pixels {
                    violate("window \(item.core) of \(job) is stored with the bytes of a lie")
                }
            }
            perform(.stored(job, group.map(\.core)))
        }
    }

    /// Hand an event to the scheduler, carry out what it answers, and look at everything.
    mutating func perform(_ event: Event) {
        events += 1
        let actions = coordinator.scheduler.handle(event, at: now)
        for action in actions { carryOut(action) }
        check()
    }

    private mutating func carryOut(_ action: Action) {
        switch action {
        case .assign(let lease): assign(lease)
        case .revoke(let worker, let lease):
            if let peer = coordinator.connections[worker] { send(.revoke(lease), to: peer) }
        case .store(let job, let core):
            if coordinator.arrivals.contains(where: { $0.job == job && $0.core == core }) {
                violate("window \(core) of \(job) is handed to the store twice")
            }
            coordinator.arrivals.append((job, core, receiving))
            if !coordinator.isCommitting {
                coordinator.isCommitting = true
                schedule(random.skewed(500), .coordinator(life: coordinator.life, .committed))
            }
        case .discard, .pinned, .blocked: break
        case .dismiss(let id, _):
            if let peer = coordinator.connections[id] { send(.refuse(forGood: false), to: peer) }
            forget(id)
        case .windowFailed(let job, let core, _): failedWindows[job, default: []].insert(core)
        case .stalled:
            stalls += 1
        case .finished(let job): finish(job)
        }
    }

    private mutating func assign(_ lease: Lease) {
        coordinator.credit[lease.worker, default: 0] -= lease.cores.count
        if coordinator.credit[lease.worker, default: 0] < 0 { violate("\(lease.worker) got more than its credit") }
        if coordinator.draining.contains(lease.worker) { violate("\(lease.worker) got a lease while it drains") }
        guard let plan = jobs.first(where: { $0.id == lease.job })?.plan else { return violate("no job \(lease.job)") }
        for core in lease.cores {
            let stored = committed[lease.job] ?? [:]
            if !plan.dependencies(of: core).allSatisfy({ stored[$0] != nil }) {
                violate("window \(core) is leased before its parents are stored")
            }
            if stored[core] != nil { violate("window \(core) is leased although it is stored") }
            if let identity = coordinator.identities[lease.worker], blame[lease.job]?[core]?.contains(identity) == true
            {
                violate("window \(core) is leased to a worker that failed it")
            }
        }
        if let peer = coordinator.connections[lease.worker] { send(.assign(lease), to: peer) }
    }

    /// Crash, and start again a while later from what is committed.
    mutating func crashCoordinator() {
        coordinator.isUp = false
        coordinator.life += 1
        restarts += 1
        schedule(.milliseconds(random.number(100...20_000)), .restart)
    }

    mutating func startCoordinator() {
        let epoch = coordinator.scheduler.epoch + 1
        let life = coordinator.life
        coordinator = SimulatedCoordinator(scheduler: Scheduler(epoch: epoch, policy: policy, start: now))
        coordinator.life = life
        schedule(.seconds(1), .coordinator(life: life, .tick))
        for job in jobs where !cancelled.contains(job.id) { submit(job) }
    }

    mutating func submit(_ job: SimulatedJob) {
        let stored = committed[job.id] ?? [:]
        failedWindows[job.id] = []
        blame[job.id] = [:]
        let done = (0...job.plan.levels).map { level in
            CoreSet(cores: stored.keys.filter { $0.level == level })
        }
        perform(.submitted(job.id, plan: job.plan, done: done, priority: job.priority))
    }
}

extension CoreSet {
    init(cores: some Sequence<Core>) {
        let rows = Dictionary(grouping: cores, by: \.row)
        guard let first = rows.keys.min(), let last = rows.keys.max() else {
            self = .empty
            return
        }
        self.init(
            firstRow: first,
            spans: (first...last).map { row in (rows[row] ?? []).map { $0.column..<$0.column + 1 } })
    }
}
