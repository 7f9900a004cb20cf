import Canvas
import Scheduling

/// A worker as `Sources/Worker` behaves: it grants credit, queues what it is assigned, and computes a batch at a time.
struct SimulatedWorker: Sendable {
    struct Window: Hashable, Sendable {
        var lease: LeaseReference
        var job: JobID
        var core: Core
    }

    enum Phase: Sendable { case down, registering, registered, gone }

    let index: Int
    let batch: Int
    let version: Int
    /// Milliseconds a window.
    let pace: Int
    /// The process; a crashed worker comes back as another.
    var identity: UInt64
    /// Counts processes and registrations, so that alarms of former ones are passed over.
    var life = 0
    var peer: Int
    var phase = Phase.down
    var credit = 0
    var queue: [Window] = []
    var computing: [Window] = []
    var batchNumber = 0
    var known: Set<LeaseReference> = []
    var isHung = false
    var isCut = false
    var isDraining = false
    var lastHeard = Duration.zero

    mutating func forget() {
        queue = []
        computing = []
        known = []
        credit = 0
        batchNumber += 1
    }
}

extension Cluster {
    mutating func alarm(_ index: Int, _ alarm: WorkerAlarm) {
        switch alarm {
        case .start:
            workers[index].identity = random.next()
            workers[index].isHung = false
            workers[index].isDraining = false
            workers[index].forget()
            register(index)
        case .register:
            register(index)
        case .tick:
            guard workers[index].phase == .registered else { return }
            schedule(.seconds(2), .worker(index, life: workers[index].life, .tick))
            guard now - workers[index].lastHeard <= .seconds(10) else { return reconnect(index) }
            send(.heartbeat, from: index)
            // The I/O thread lives on while the computation hangs, but it has no progress to tell of.
            guard !workers[index].computing.isEmpty, !workers[index].isHung else { return }
            for lease in Set((workers[index].computing + workers[index].queue).map(\.lease)).sorted(by: {
                $0.id < $1.id
            }) {
                send(.progress(lease), from: index)
            }
        case .computed(let number):
            guard number == workers[index].batchNumber else { return }
            deliver(index)
        }
    }

    private mutating func register(_ index: Int) {
        workers[index].life += 1
        workers[index].phase = .registering
        workers[index].lastHeard = now
        replaceConnection(of: index)
        send(
            .hello(version: workers[index].version, batch: workers[index].batch, identity: workers[index].identity),
            from: index)
        // No answer: try again.
        schedule(.seconds(random.number(5...15)), .worker(index, life: workers[index].life, .register))
    }

    private mutating func reconnect(_ index: Int) {
        workers[index].life += 1
        workers[index].phase = .down
        workers[index].forget()
        schedule(random.skewed(15_000), .worker(index, life: workers[index].life, .register))
    }

    mutating func crash(_ index: Int) {
        workers[index].life += 1
        workers[index].phase = .down
        workers[index].forget()
        replaceConnection(of: index)
        schedule(.milliseconds(random.number(500...30_000)), .worker(index, life: workers[index].life, .start))
    }

    mutating func receive(_ message: ToWorker, worker index: Int) {
        workers[index].lastHeard = now
        switch message {
        case .welcome:
            guard workers[index].phase == .registering else { return }
            workers[index].life += 1
            workers[index].phase = .registered
            workers[index].forget()
            schedule(.seconds(2), .worker(index, life: workers[index].life, .tick))
            grant(2 * workers[index].batch, index)
        case .refuse(let forGood):
            if forGood {
                workers[index].phase = .gone
                workers[index].life += 1
            } else if workers[index].phase == .registered {
                reconnect(index)
            }
        case .assign(let lease): accept(lease, index)
        case .revoke(let lease):
            guard workers[index].phase == .registered else { return }
            let dropped = workers[index].queue.count { $0.lease == lease }
            workers[index].queue.removeAll { $0.lease == lease }
            let running = workers[index].computing.count { $0.lease == lease }
            workers[index].computing.removeAll { $0.lease == lease }
            grant(dropped + running, index)
            if running > 0, workers[index].computing.isEmpty { compute(index) }
        case .heartbeat: break
        case .drain:
            guard workers[index].phase == .registered else { return }
            workers[index].isDraining = true
            let back = workers[index].queue + workers[index].computing
            for window in back { send(.failed(window.lease, [window.core], .returned), from: index) }
            send(.bye, from: index)
            crash(index)
        }
    }

    private mutating func grant(_ windows: Int, _ index: Int) {
        guard windows > 0 else { return }
        workers[index].credit += windows
        send(.credit(windows), from: index)
    }

    private mutating func accept(_ lease: Lease, _ index: Int) {
        guard workers[index].phase == .registered, workers[index].known.insert(lease.reference).inserted else { return }
        guard lease.cores.count <= workers[index].credit else {
            workers[index].credit = 0
            return send(.failed(lease.reference, lease.cores, .returned), from: index)
        }
        workers[index].credit -= lease.cores.count
        workers[index].queue += lease.cores.map {
            SimulatedWorker.Window(lease: lease.reference, job: lease.job, core: $0)
        }
        if workers[index].computing.isEmpty { compute(index) }
    }

    private mutating func compute(_ index: Int) {
        guard !workers[index].isHung, !workers[index].queue.isEmpty else { return }
        let count = min(workers[index].batch, workers[index].queue.count)
        workers[index].computing = Array(workers[index].queue.prefix(count))
        workers[index].queue.removeFirst(count)
        workers[index].batchNumber += 1
        if random.chance(rate(faults.crash)) || workers[index].computing.contains(where: { deadly.contains($0.core) }) {
            return crash(index)
        }
        if random.chance(rate(faults.hang)) {
            workers[index].isHung = true
            // Somebody ends it some day.
            let process = workers[index].identity
            return schedule(.seconds(random.number(10...2000)), .kill(worker: index, process: process))
        }
        let factor = random.chance(rate(faults.slow)) ? 100 : 1
        let time = Duration.milliseconds(count * workers[index].pace * random.number(80...120) * factor / 100)
        schedule(time, .worker(index, life: workers[index].life, .computed(workers[index].batchNumber)))
    }

    private mutating func deliver(_ index: Int) {
        let windows = workers[index].computing
        workers[index].computing = []
        workers[index].batchNumber += 1
        if random.chance(rate(faults.environment)) {
            for window in windows { send(.failed(window.lease, [window.core], .environment), from: index) }
        } else {
            for window in windows {
                if poison.contains(window.core) || random.chance(rate(faults.failure)) {
                    send(.failed(window.lease, [window.core], .window), from: index)
                } else {
                    let lies = random.chance(rate(faults.lie))
                    let bytes = pixels(of: window.core, job: window.job)
                    send(
                        .result(window.lease, window.core, pixels: lies ? bytes &+ 1 : bytes, isChecked: !lies),
                        from: index)
                }
            }
        }
        grant(windows.count, index)
        compute(index)
    }
}
