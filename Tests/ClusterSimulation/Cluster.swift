import Canvas
import HeapModule
import Scheduling

struct SimulatedJob: Sendable {
    let id: JobID
    let plan: Plan
    let priority: Int
}

/// A cluster run from one seed: real scheduler, simulated network, workers and disk.
///
/// Faults stop after a while, so that every job can end; poisoned windows stay so. After every event the invariants are
/// checked, and the first that is broken ends the run.
public struct Cluster: Sendable {
    private struct Scheduled: Comparable {
        var at: Duration
        var number: UInt64
        var occurrence: Occurrence

        static func < (a: Scheduled, b: Scheduled) -> Bool { (a.at, a.number) < (b.at, b.number) }
        static func == (a: Scheduled, b: Scheduled) -> Bool { a.number == b.number }
    }

    /// When all comes right.
    static let fairWeather = Duration.seconds(1200)
    /// Well before that the jobs have ended, unless they never do.
    static let end = Duration.seconds(20_000)

    public let seed: UInt64
    public private(set) var violations: [String] = []
    public internal(set) var events = 0
    public internal(set) var restarts = 0
    public internal(set) var stalls = 0
    public private(set) var peakFootprint = 0
    public private(set) var duplicates = 0
    var random: SplitMix
    let faults: Faults
    let policy: SchedulerPolicy
    let jobs: [SimulatedJob]
    var workers: [SimulatedWorker] = []
    var coordinator: SimulatedCoordinator
    var now = Duration.zero
    private var agenda = Heap<Scheduled>()
    private var nextNumber: UInt64 = 0
    private var nextPeer = 0
    private var owners: [Int: Int] = [:]
    /// What the disk holds.
    var committed: [JobID: [Core: UInt64]] = [:]
    var failedWindows: [JobID: Set<Core>] = [:]
    /// Who failed a window since the coordinator's start.
    var blame: [JobID: [Core: Set<UInt64>]] = [:]
    var poison: Set<Core> = []
    var deadly: Set<Core> = []
    var cancelled: Set<JobID> = []
    /// The pixels of the result that is being received.
    var receiving: UInt64 = 0
    private let footprintLimit: Int

    /// - Parameter faults: Drawn from the seed where nil.
    public init(seed: UInt64, faults given: Faults? = nil) {
        self.seed = seed
        var random = SplitMix(state: seed &* 0x9E6D_62D0_6F6A_9A9B)
        faults = given ?? Faults.drawn(&random)
        var policy = SchedulerPolicy()
        policy.progressBounds = .seconds(60) ... .seconds(3600)
        policy.ageBounds = .seconds(300) ... .seconds(1800)
        self.policy = policy
        var jobs: [SimulatedJob] = []
        for index in 0..<random.number(1...3) {
            let plan = Self.plan(&random)
            jobs.append(
                SimulatedJob(
                    id: String(repeating: "j", count: index + 1), plan: plan, priority: random.number(0...1)))
        }
        self.jobs = jobs
        let faults = faults
        var (poison, deadly): (Set<Core>, Set<Core>) = ([], [])
        for job in jobs {
            for level in 1...job.plan.levels {
                job.plan.sets[level].forEach { column, row in
                    let core = Core(level: level, column: column, row: row)
                    if random.chance(faults.poison) { poison.insert(core) }
                    if random.chance(faults.deadly) { deadly.insert(core) }
                }
            }
        }
        self.poison = poison
        self.deadly = deadly
        var limit = 200
        for index in 0..<random.number(1...6) {
            let batch = random.number(1...5)
            // The first is of the right version, so that there is somebody.
            let isWrong = index > 0 && random.chance(faults.wrongVersion)
            workers.append(
                SimulatedWorker(
                    index: index, batch: batch, version: isWrong ? 2 : Self.version, pace: random.number(20...4000),
                    identity: 0, peer: -1))
            limit += 40 * 4 * batch
        }
        footprintLimit = limit + jobs.reduce(0) { $0 + $1.plan.sets[1].count } + 3 * (poison.count + deadly.count)
        coordinator = SimulatedCoordinator(scheduler: Scheduler(epoch: 1, policy: policy))
        self.random = random
        schedule(.seconds(1), .coordinator(life: 1, .tick))
        for index in workers.indices {
            schedule(self.random.skewed(5000), .worker(index, life: 0, .start))
        }
        for job in jobs { submit(job) }
    }

    private static func plan(_ random: inout SplitMix) -> Plan {
        let canvas = Canvas(surface: .plane(metresPerPixel: 100), baseZoom: 0)
        let levels = random.number(1...3)
        let side = Int64([90, 60, 30][levels - 1])
        let rect = PixelRect(
            x: Int64(random.number(-200...200)), y: Int64(random.number(-200...200)),
            width: side * Int64(random.number(1...3)), height: side * Int64(random.number(1...2)))
        guard let plan = try? Plan(region: .rect(rect), levels: levels, canvas: canvas) else {
            preconditionFailure("a rectangle of \(rect) on a plane has a plan")
        }
        return plan
    }

    /// Whether every job has ended.
    public var isOver: Bool {
        jobs.allSatisfy { job in
            cancelled.contains(job.id) || coordinator.scheduler.progress(of: job.id)?.phase == .finished
        }
    }

    /// Run to the end of every job, or to the first violation.
    public mutating func run() {
        while violations.isEmpty, !isOver || !coordinator.isUp {
            guard let next = agenda.popMin(), next.at < Self.end else {
                let open = jobs.filter { coordinator.scheduler.progress(of: $0.id)?.phase != .finished }.map(\.id)
                return violate("jobs \(open) did not end in \(Self.end)")
            }
            now = next.at
            happen(next.occurrence)
        }
    }

    // MARK: - What happens

    mutating func schedule(_ delay: Duration, _ occurrence: Occurrence) {
        nextNumber += 1
        agenda.insert(Scheduled(at: now + delay, number: nextNumber, occurrence: occurrence))
    }

    /// A fault's rate, which is none in fair weather.
    func rate(_ fault: Double) -> Double { now < Self.fairWeather ? fault : 0 }

    private mutating func happen(_ occurrence: Occurrence) {
        switch occurrence {
        case .up(let peer, let message): receive(message, peer: peer)
        case .down(let peer, let message):
            if let index = owners[peer], workers[index].peer == peer { receive(message, worker: index) }
        case .worker(let index, let life, let alarm):
            if workers[index].life == life, workers[index].phase != .gone { self.alarm(index, alarm) }
        case .coordinator(let life, let alarm):
            guard coordinator.life == life, coordinator.isUp else { return }
            self.alarm(alarm)
            if case .tick = alarm { trouble() }
        case .heal(let index): workers[index].isCut = false
        case .kill(let index, let process): if workers[index].identity == process { crash(index) }
        case .restart:
            coordinator.isUp = true
            startCoordinator()
        }
        if coordinator.isUp, random.chance(rate(faults.restart)) { crashCoordinator() }
    }

    /// What may go wrong in any second.
    private mutating func trouble() {
        for index in workers.indices where random.chance(rate(faults.partition)) && !workers[index].isCut {
            workers[index].isCut = true
            schedule(.milliseconds(random.number(100...60_000)), .heal(worker: index))
        }
        guard random.chance(rate(faults.meddling)), let job = jobs.randomElement(using: &random) else {
            return release()
        }
        switch random.number(0...6) {
        case 0: perform(.paused(job.id))
        case 1: perform(.resumed(job.id))
        case 2: perform(.preferred(job.id, job.plan.part(job.plan.sets[job.plan.levels].slice(&random))))
        case 3:
            if let id = coordinator.connections.keys.sorted().randomElement(using: &random),
                let peer = coordinator.connections[id]
            {
                send(.drain, to: peer)
                coordinator.draining.insert(id)
                perform(.draining(id))
            }
        case 4: perform(.reprioritized(job.id, random.number(-1...2)))
        case 5:
            perform(.cancelled(job.id))
            cancelled.insert(job.id)
        default:
            failedWindows[job.id] = []
            blame[job.id] = [:]
            perform(.retried(job.id))
        }
    }

    /// In fair weather nothing stays paused or cancelled.
    private mutating func release() {
        guard now >= Self.fairWeather else { return }
        for job in jobs {
            if cancelled.remove(job.id) != nil { submit(job) }
            guard coordinator.scheduler.progress(of: job.id)?.phase == .paused else { continue }
            perform(.resumed(job.id))
        }
    }

    // MARK: - The network

    mutating func send(_ message: ToCoordinator, from index: Int) {
        let peer = workers[index].peer
        transmit(.up(peer: peer, message), over: peer)
    }

    mutating func send(_ message: ToWorker, to peer: Int) {
        transmit(.down(peer: peer, message), over: peer)
    }

    private mutating func transmit(_ occurrence: Occurrence, over peer: Int) {
        guard let index = owners[peer], workers[index].peer == peer else { return }
        if random.chance(rate(faults.loss)) || workers[index].isCut {
            // What a connection loses, it loses with all the rest; the next message comes from a stranger.
            return replaceConnection(of: index)
        }
        var delay = random.skewed(200)
        if random.chance(rate(faults.reordering)) { delay += random.skewed(20_000) }
        schedule(delay, occurrence)
        if random.chance(rate(faults.duplication)) {
            duplicates += 1
            schedule(delay + random.skewed(20_000), occurrence)
        }
    }

    mutating func replaceConnection(of index: Int) {
        owners[workers[index].peer] = nil
        nextPeer += 1
        workers[index].peer = nextPeer
        owners[nextPeer] = index
    }

    // MARK: - Invariants

    mutating func violate(_ what: String) { violations.append("at \(now): \(what)") }

    mutating func check() {
        let wrong = coordinator.scheduler.audit()
        if let first = wrong.first { violate(first) }
        let footprint = coordinator.scheduler.footprint
        peakFootprint = max(peakFootprint, footprint)
        if footprint > footprintLimit {
            violate("the scheduler keeps \(footprint) entries, more than \(footprintLimit)")
        }
    }

    /// A job that ends has stored all that no failed window stands before.
    mutating func finish(_ id: JobID) {
        guard let plan = jobs.first(where: { $0.id == id })?.plan else { return }
        let failed = failedWindows[id] ?? []
        var reached: Set<Core> = []
        for level in 1...plan.levels {
            plan.sets[level].forEach { column, row in
                let core = Core(level: level, column: column, row: row)
                if !failed.contains(core), plan.dependencies(of: core).allSatisfy(reached.contains) {
                    reached.insert(core)
                }
            }
        }
        let lost = reached.filter { committed[id]?[$0] == nil }.count
        if lost > 0 { violate("\(id) ended, and \(lost) windows were lost") }
    }
}

extension CoreSet {
    /// Return a rectangle of the set.
    func slice(_ random: inout SplitMix) -> CoreSet {
        let column = Int64.random(in: columns, using: &random)
        let row = Int64.random(in: rows, using: &random)
        return intersection(CoreSet(columns: column..<column + 3, rows: row..<row + 3))
    }
}

extension Cluster {
    /// What the run was made of, for whoever looks into a seed.
    public var story: String {
        let plans = jobs.map {
            "\($0.id): \($0.plan.windowCount) windows in \($0.plan.levels) levels, priority \($0.priority)"
        }
        let fleet = workers.map {
            "worker \($0.index): batch \($0.batch), \($0.pace) ms a window, version \($0.version)"
        }
        let states = workers.map { worker in
            "worker \(worker.index): \(worker.phase), credit \(worker.credit), \(worker.queue.count) queued, "
                + "\(worker.computing.count) computed, hung: \(worker.isHung), cut: \(worker.isCut), session "
                + (coordinator.peers[worker.peer].map { "\($0), credit \(coordinator.credit[$0] ?? 0)" } ?? "none")
        }
        let ends = jobs.map { job in
            "\(job.id): \(coordinator.scheduler.progress(of: job.id)?.phase.rawValue ?? "unknown"), \(committed[job.id]?.count ?? 0) stored, \(failedWindows[job.id]?.count ?? 0) failed"
        }
        return """
            \(plans.joined(separator: "\n"))
            \(fleet.joined(separator: "\n"))
            \(faults)
            \(poison.count) poisoned windows, \(deadly.count) deadly
            ended at \(now) after \(events) events, \(restarts) coordinator crashes, \(duplicates) doubled messages
            \(states.joined(separator: "\n"))
            \(coordinator.scheduler.activeLeases.count) leases in force
            \(ends.joined(separator: "\n"))
            """
    }
}

extension Cluster {
    /// Windows of all jobs that are not stored.
    public var unrendered: Int {
        jobs.reduce(0) { $0 + $1.plan.windowCount - (committed[$1.id]?.count ?? 0) }
    }
}
