import Canvas
import Scheduling

/// A seeded generator (SplitMix64), so that a failing schedule replays exactly.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// A cluster run from one seed: workers that crash, hang, fail, return late, and a coordinator that restarts.
///
/// Every step checks the invariants; `violations` names those broken.
struct Simulation {
    struct Faults {
        var crash = 0.0
        var hang = 0.0
        var fail = 0.0
        var late = 0.0
        var restart = 0.0
    }

    private enum Message {
        case result(WorkerID, LeaseReference, Core)
        case failed(WorkerID, LeaseReference, Core)
        case stored(Core)
        case join
    }

    let plan: Plan
    let faults: Faults
    private(set) var stored: Set<Core> = []
    private(set) var violations: [String] = []
    private(set) var finished = false
    private(set) var failedWindows: Set<Core> = []
    private(set) var steps = 0
    private(set) var peakInFlight = 0
    private var random: SplitMix
    private var scheduler: Scheduler
    private var now = Duration.zero
    private var inbox: [(at: Duration, message: Message)] = []
    private var nextWorker: UInt64 = 1
    private var alive: Set<WorkerID> = []
    private var credit: [WorkerID: Int] = [:]
    private var storing: Set<Core> = []
    /// Workers that the scheduler knows are lost.
    private var gone: Set<WorkerID> = []
    private var queue: [Action] = []
    private var isCarryingOut = false
    private let workerCount: Int
    private let batch: Int

    init(plan: Plan, seed: UInt64, workers: Int, batch: Int, faults: Faults) {
        self.plan = plan
        self.faults = faults
        self.batch = batch
        workerCount = workers
        random = SplitMix(state: seed)
        scheduler = Scheduler(epoch: 1)
        for _ in 0..<workers { inbox.append((.zero, .join)) }
        submit()
    }

    /// Run until the job is finished or `limit` steps have passed.
    mutating func run(limit: Int = 200_000) {
        while !finished, steps < limit, violations.isEmpty { step() }
        if !finished, violations.isEmpty { violations.append("the job did not end in \(limit) steps") }
    }

    private mutating func submit() {
        let done = (0...plan.levels).map { level in
            stored.filter { $0.level == level }.reduce(CoreSet.empty) {
                $0.union(CoreSet(columns: $1.column..<$1.column + 1, rows: $1.row..<$1.row + 1))
            }
        }
        perform(.submitted("job", plan: plan, done: done, priority: 0))
    }

    private mutating func chance(_ probability: Double) -> Bool {
        Double.random(in: 0..<1, using: &random) < probability
    }

    private mutating func step() {
        steps += 1
        if chance(faults.restart) { restart() }
        guard let index = inbox.indices.min(by: { inbox[$0].at < inbox[$1].at }),
            inbox[index].at <= now + .seconds(5)
        else {
            now += .seconds(5)
            // An idle worker still sends its heartbeat; a hung or dead one does not.
            for worker in alive.sorted() { perform(.heard(worker)) }
            perform(.ticked)
            return
        }
        let (at, message) = inbox.remove(at: index)
        now = max(now, at)
        switch message {
        case .join: join()
        case .stored(let core):
            storing.remove(core)
            stored.insert(core)
            perform(.stored("job", [core]))
        case .result(let worker, let lease, let core):
            perform(.received(worker, lease, core))
            grant(1, to: worker)
        case .failed(let worker, let lease, let core):
            perform(.failed(worker, lease, [core], .window, reason: "simulated"))
            grant(1, to: worker)
        }
    }

    private mutating func grant(_ windows: Int, to worker: WorkerID) {
        guard alive.contains(worker) else { return }
        credit[worker, default: 0] += windows
        perform(.credited(worker, windows: windows))
    }

    private mutating func join() {
        let worker = WorkerID(nextWorker)
        nextWorker += 1
        alive.insert(worker)
        perform(.joined(worker, batch: batch, profile: "sim"))
        grant(2 * batch, to: worker)
    }

    private mutating func restart() {
        // The workers register again with the new coordinator; what was on the wire or not yet stored is gone.
        scheduler = Scheduler(epoch: scheduler.epoch + 1)
        inbox.removeAll { if case .stored = $0.message { true } else { false } }
        storing = []
        alive = []
        credit = [:]
        queue = []
        inbox.removeAll { if case .join = $0.message { true } else { false } }
        for _ in 0..<workerCount { inbox.append((now, .join)) }
        submit()
    }

    private mutating func perform(_ event: Event) {
        if case .left(let worker) = event { gone.insert(worker) }
        queue += scheduler.handle(event, at: now)
        for case .assign(let lease) in queue where gone.contains(lease.worker) {
            if scheduler.activeLeases.contains(lease) { violations.append("lease for \(lease.worker), which is gone") }
        }
        guard !isCarryingOut else { return }
        isCarryingOut = true
        while !queue.isEmpty { carryOut(queue.removeFirst()) }
        isCarryingOut = false
        let inFlight = scheduler.activeLeases.reduce(0) { $0 + $1.cores.count }
        peakInFlight = max(peakInFlight, inFlight)
    }

    private mutating func carryOut(_ action: Action) {
        switch action {
        case .assign(let lease): start(lease)
        case .store(_, let core):
            if stored.contains(core) || !storing.insert(core).inserted {
                violations.append("window \(core) is stored twice")
            }
            inbox.append((now + .milliseconds(Int.random(in: 0...400, using: &random)), .stored(core)))
        case .dismiss(let worker, _):
            alive.remove(worker)
            gone.insert(worker)
            inbox.append((now + .seconds(1), .join))
        case .windowFailed(_, let core, _): failedWindows.insert(core)
        case .finished: finished = true
        case .discard, .pinned: break
        }
    }

    private mutating func start(_ lease: Lease) {
        credit[lease.worker, default: 0] -= lease.cores.count
        if credit[lease.worker, default: 0] < 0 { violations.append("\(lease.worker) got more than its credit") }
        guard alive.contains(lease.worker) else { return }
        for core in lease.cores where !plan.dependencies(of: core).allSatisfy(stored.contains) {
            violations.append("window \(core) is leased before its parents are stored")
        }
        let reference = LeaseReference(id: lease.id, epoch: lease.epoch)
        if chance(faults.crash) {
            alive.remove(lease.worker)
            perform(.left(lease.worker))
            inbox.append((now + .seconds(2), .join))
            return
        }
        if chance(faults.hang) {
            alive.remove(lease.worker)
            return
        }
        var at = now
        for core in lease.cores {
            at += .milliseconds(Int.random(in: 50...3000, using: &random))
            if chance(faults.late) { at += .seconds(Int.random(in: 30...600, using: &random)) }
            let message: Message =
                chance(faults.fail) ? .failed(lease.worker, reference, core) : .result(lease.worker, reference, core)
            inbox.append((at, message))
        }
    }
}
