import BitCollections
import Canvas
import HeapModule

/// The bookkeeping of one job: bitmaps over its plan, and the frontier of ready windows.
struct JobState {
    /// A ready window's place in the queue: finer levels first, then along the Hilbert curve.
    private struct Ready: Comparable {
        var core: Core
        var place: UInt64

        static func < (a: Ready, b: Ready) -> Bool {
            a.core.level != b.core.level ? a.core.level > b.core.level : a.place < b.place
        }
    }

    let id: JobID
    let plan: Plan
    let priority: Int
    var profile: ProfileRule
    var phase = JobProgress.Phase.running
    private(set) var stored: [BitArray]
    private(set) var doneCounts: [Int]
    private(set) var failedCounts: [Int]
    /// Windows leased, or received and not yet committed.
    private(set) var inFlight: Set<Core> = []
    private var failures: [Core: [WorkerID]] = [:]
    private var failed: Set<Core> = []
    private var ready = Heap<Ready>()
    private var walk: HilbertWalk
    private let frames: [HilbertFrame]

    init(id: JobID, plan: Plan, done: [CoreSet], priority: Int, profile: ProfileRule) {
        self.id = id
        self.plan = plan
        self.priority = priority
        self.profile = profile
        let frame = HilbertFrame(around: plan.sets[0])
        frames = plan.sets.indices.map { frame.finer(by: $0) }
        walk = HilbertWalk(plan.sets[1], within: frames[1])
        stored = plan.sets.map { BitArray(repeating: false, count: $0.count) }
        doneCounts = plan.sets.map { _ in 0 }
        failedCounts = plan.sets.map { _ in 0 }
        for level in 1...plan.levels where level < done.count {
            plan.sets[level].intersection(done[level]).forEach { column, row in
                mark(Core(level: level, column: column, row: row))
            }
        }
        findFrontier()
    }

    private var walkIsExhausted = false

    var hasReady: Bool { phase == .running && (!ready.isEmpty || !walkIsExhausted) }

    /// Whether nothing is left that could still be rendered.
    var isExhausted: Bool {
        let settled = doneCounts.reduce(0, +) + failedCounts.reduce(0, +) == plan.windowCount
        return inFlight.isEmpty && (settled || ready.isEmpty && walkIsExhausted)
    }

    func admits(profile candidate: String) -> Bool {
        if case .only(let profile) = profile { profile == candidate } else { true }
    }

    func isStored(_ core: Core) -> Bool {
        plan.sets[core.level].index(column: core.column, row: core.row).map { stored[core.level][$0] } ?? false
    }

    /// Take the next ready windows that `accepts` allows, at most `limit`.
    mutating func take(_ limit: Int, accepts: (Core, [WorkerID]) -> Bool) -> [Core] {
        guard phase == .running else { return [] }
        var taken: [Core] = []
        var refused: [Ready] = []
        while taken.count < limit, let next = popReady() {
            if accepts(next.core, failures[next.core] ?? []) {
                inFlight.insert(next.core)
                taken.append(next.core)
            } else {
                refused.append(next)
            }
        }
        ready.insert(contentsOf: refused)
        return taken
    }

    /// Put windows back that were leased or received.
    mutating func restore(_ cores: [Core]) {
        for core in cores where inFlight.remove(core) != nil && !isStored(core) { push(core) }
    }

    /// Note committed windows, and make ready what waited for them.
    mutating func commit(_ cores: [Core]) {
        for core in cores where plan.contains(core) {
            inFlight.remove(core)
            guard mark(core), core.level < plan.levels else { continue }
            for child in plan.canvas.children(of: core)
            where plan.contains(child) && !isStored(child) && dependenciesStored(child) {
                push(child)
            }
        }
    }

    /// Note a failure; returns whether the window is now given up.
    mutating func fail(_ core: Core, by worker: WorkerID, limit: Int) -> Bool {
        guard inFlight.remove(core) != nil else { return false }
        failures[core, default: []].append(worker)
        if failures[core, default: []].count >= limit {
            failed.insert(core)
            failedCounts[core.level] += 1
            return true
        }
        push(core)
        return false
    }

    private mutating func popReady() -> Ready? {
        if let next = ready.popMin() { return next }
        while let (column, row) = walk.next() {
            let core = Core(level: 1, column: column, row: row)
            if !isStored(core) { return Ready(core: core, place: 0) }
        }
        walkIsExhausted = true
        return nil
    }

    private mutating func push(_ core: Core) {
        let place = frames[core.level].index(column: core.column, row: core.row)
        ready.insert(Ready(core: core, place: place))
    }

    @discardableResult
    private mutating func mark(_ core: Core) -> Bool {
        guard let index = plan.sets[core.level].index(column: core.column, row: core.row),
            !stored[core.level][index]
        else { return false }
        stored[core.level][index] = true
        doneCounts[core.level] += 1
        return true
    }

    private func dependenciesStored(_ core: Core) -> Bool {
        plan.dependencies(of: core).allSatisfy(isStored)
    }

    /// Find what is ready because a former run stored its parents; each window from its first parent, so once.
    private mutating func findFrontier() {
        for level in stride(from: 2, through: plan.levels, by: 1) where doneCounts[level - 1] > 0 {
            plan.sets[level - 1].forEach { column, row in
                let parent = Core(level: level - 1, column: column, row: row)
                guard isStored(parent) else { return }
                for child in plan.canvas.children(of: parent) where plan.contains(child) && !isStored(child) {
                    let parents = plan.dependencies(of: child)
                    if parents.first == parent, parents.allSatisfy(isStored) { push(child) }
                }
            }
        }
    }
}
