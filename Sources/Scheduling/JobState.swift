import BitCollections
import Canvas
import HeapModule

/// The bookkeeping of one job: bitmaps over its plan, the frontier of ready windows, and who failed what.
struct JobState: Sendable {
    /// A window that is leased, perhaps twice, or whose pixels are being stored.
    struct Flight {
        var lease: UInt64
        /// A second lease that runs against the first; 0 is none.
        var rival: UInt64 = 0
        var isStoring = false

        func holds(_ id: UInt64) -> Bool { !isStoring && (lease == id || rival == id) }
    }

    /// A failed window that waits for another attempt.
    struct Retry: Comparable {
        var due: Instant
        var number: UInt64
        var core: Core

        static func < (a: Retry, b: Retry) -> Bool { (a.due, a.number) < (b.due, b.number) }
    }

    /// Blamed retries that one `take` looks past.
    private static let refusals = 32

    let id: JobID
    let plan: Plan
    var priority: Int
    var profile: ProfileRule
    var phase = JobProgress.Phase.running
    private(set) var stored: [BitArray]
    private(set) var doneCounts: [Int]
    private(set) var failedCounts: [Int]
    private(set) var flights: [Core: Flight] = [:]
    /// Windows under a lease: what the job has of the cluster.
    private(set) var leasedCount = 0
    /// Second leases in force.
    var rivalries = 0
    private(set) var frontier: Frontier
    private(set) var retries = Heap<Retry>()
    private var nextRetry: UInt64 = 0
    /// The workers that failed a window, and how many were lost with it; forgotten when it is stored.
    private(set) var blames: [Core: [UInt64]] = [:]
    private var losses: [Core: Int] = [:]
    private(set) var failed: Set<Core> = []
    /// Failures in a row, by worker; those with too many are blocked.
    private(set) var strikes: [UInt64: Int] = [:]
    private(set) var blocked: Set<UInt64> = []
    var times = LeaseTimes()
    /// Since when no worker that is here may take what is left.
    var lonelySince: Instant?

    init(id: JobID, plan: Plan, done: [CoreSet], priority: Int, profile: ProfileRule) {
        self.id = id
        self.plan = plan
        self.priority = priority
        self.profile = profile
        stored = plan.sets.map { BitArray(repeating: false, count: $0.count) }
        doneCounts = plan.sets.map { _ in 0 }
        failedCounts = plan.sets.map { _ in 0 }
        for level in 1...plan.levels where level < done.count {
            (stored[level], doneCounts[level]) = plan.sets[level].marks(of: done[level])
        }
        frontier = Frontier(plan: plan, storedLevel1: stored[1])
        findFrontier()
    }

    /// Whether nothing is left that could still be rendered.
    var isExhausted: Bool { flights.isEmpty && frontier.isEmpty && retries.isEmpty }

    var done: Int { doneCounts.reduce(0, +) }

    func hasWork(at now: Instant) -> Bool {
        phase == .running && (!frontier.isEmpty || retries.min.map { $0.due <= now } == true)
    }

    func admits(profile candidate: String) -> Bool {
        if case .only(let profile) = profile { profile == candidate } else { true }
    }

    func isStored(_ core: Core) -> Bool {
        plan.sets[core.level].index(column: core.column, row: core.row).map { stored[core.level][$0] } ?? false
    }

    // MARK: - Leasing

    /// Take the next windows for a lease, at most `limit`; a worker never gets one that it failed.
    mutating func take(_ limit: Int, for worker: UInt64, lease: UInt64, at now: Instant) -> [Core] {
        guard phase == .running else { return [] }
        var taken: [Core] = []
        taken.reserveCapacity(limit)
        var refused: [Retry] = []
        while taken.count < limit, refused.count < Self.refusals, let next = retries.min, next.due <= now {
            retries.removeMin()
            if blames[next.core]?.contains(worker) == true {
                refused.append(next)
            } else {
                taken.append(next.core)
            }
        }
        // Behind the others that are due, so that those are seen next time.
        for item in refused { retry(item.core, due: now) }
        while taken.count < limit, let core = frontier.pop() { taken.append(core) }
        for core in taken { flights[core] = Flight(lease: lease) }
        leasedCount += taken.count
        return taken
    }

    /// Lease windows a second time.
    mutating func rival(_ cores: [Core], lease: UInt64) {
        for core in cores { flights[core]?.rival = lease }
        rivalries += 1
    }

    /// Note that pixels came under a lease; nil where it does not hold the window.
    ///
    /// - Returns: The other lease that held it, or 0.
    mutating func land(_ core: Core, lease: UInt64) -> UInt64? {
        guard let flight = flights[core], flight.holds(lease) else { return nil }
        flights[core] = Flight(lease: lease, isStoring: true)
        leasedCount -= 1
        return flight.lease == lease ? flight.rival : flight.lease
    }

    /// Take a window from a lease; true where no other lease holds it, and it is for the caller to say what follows.
    mutating func release(_ core: Core, lease: UInt64) -> Bool {
        guard var flight = flights[core], flight.holds(lease) else { return false }
        if flight.rival != 0 {
            if flight.lease == lease { flight.lease = flight.rival }
            flight.rival = 0
            flights[core] = flight
            return false
        }
        flights[core] = nil
        leasedCount -= 1
        return true
    }

    /// Make a window ready again that was neither rendered nor failed.
    mutating func giveBack(_ core: Core) {
        guard !isStored(core) else { return }
        if blames[core] == nil { frontier.push(core) } else { retry(core, due: .zero) }
    }

    /// Make windows ready again whose pixels could not be stored.
    mutating func unstore(_ cores: [Core]) {
        for core in cores where flights[core]?.isStoring == true {
            flights[core] = nil
            giveBack(core)
        }
    }

    // MARK: - Failures

    /// Blame a worker for a window; true where so many different workers were that it is to be given up.
    mutating func blame(_ core: Core, on worker: UInt64, limit: Int) -> Bool {
        if blames[core]?.contains(worker) != true { blames[core, default: []].append(worker) }
        return blames[core, default: []].count >= limit
    }

    /// Count a worker that was lost with a window; true where so many were that it is to be given up.
    mutating func lose(_ core: Core, limit: Int) -> (count: Int, giveUp: Bool) {
        losses[core, default: 0] += 1
        let count = losses[core, default: 0]
        return (count, count >= limit)
    }

    mutating func retry(_ core: Core, due: Instant) {
        retries.insert(Retry(due: due, number: nextRetry, core: core))
        nextRetry += 1
    }

    mutating func giveUp(_ core: Core) {
        guard failed.insert(core).inserted else { return }
        failedCounts[core.level] += 1
        losses[core] = nil
    }

    /// Give up every window that waits for another attempt.
    mutating func giveUpRetries() -> [Core] {
        let cores = retries.unordered.sorted().map(\.core)
        retries = Heap()
        cores.forEach { giveUp($0) }
        return cores
    }

    /// Count a failure of a worker; true where it is blocked from now on.
    mutating func strike(_ worker: UInt64, limit: Int) -> Bool {
        strikes[worker, default: 0] += 1
        return strikes[worker, default: 0] >= limit && blocked.insert(worker).inserted
    }

    mutating func forgive(_ worker: UInt64) {
        if !strikes.isEmpty { strikes[worker] = nil }
    }

    mutating func forgiveAll() {
        strikes = [:]
        blocked = []
        lonelySince = nil
    }

    /// Make failed windows ready again.
    mutating func retryFailed() {
        forgiveAll()
        blames = [:]
        losses = [:]
        for core in failed.sorted(by: { ($0.level, $0.row, $0.column) < ($1.level, $1.row, $1.column) }) {
            failedCounts[core.level] -= 1
            frontier.push(core)
        }
        failed = []
    }

    /// Take every window off its lease, and forget what waits.
    mutating func clearLeases() {
        flights = flights.filter { $0.value.isStoring }
        leasedCount = 0
        rivalries = 0
    }

    mutating func prefer(_ sets: [CoreSet]?) { frontier.prefer(sets) }

    // MARK: - Committing

    /// Note committed windows, and make ready what waited for them.
    mutating func commit(_ cores: [Core]) {
        for core in cores where plan.contains(core) {
            flights[core] = nil
            if !blames.isEmpty { blames[core] = nil }
            if !losses.isEmpty { losses[core] = nil }
            guard mark(core), core.level < plan.levels else { continue }
            unlock(core)
        }
    }

    /// Make ready those children of a window just stored whose other parents are stored too.
    ///
    /// The parents of its children lie within one core of it, so those nine are looked at once, and not again for
    /// every child.
    private mutating func unlock(_ core: Core) {
        let (canvas, geometry) = (plan.canvas, plan.canvas.geometry)
        let set = plan.sets[core.level + 1]
        let world = canvas.worldCores(level: core.level + 1)
        let missing = missingAround(core)
        let firstColumn = geometry.childRange(of: core.column).lowerBound
        let columnMasks = geometry.childRange(of: core.column).map {
            Self.mask(geometry.parentRange(of: $0..<$0 + 1), around: core.column)
        }
        for row in geometry.childRange(of: core.row) {
            guard let line = set.line(row) else { continue }
            let rowMask = Self.mask(geometry.parentRange(of: row..<row + 1), around: core.row)
            var blocked = 0
            for dy in 0..<3 where rowMask >> dy & 1 == 1 { blocked |= missing >> (3 * dy) & 7 }
            for (offset, columnMask) in columnMasks.enumerated() where blocked & columnMask == 0 {
                var column = firstColumn + Int64(offset)
                if let world { column = column.wrapped(modulo: world) }
                var start = line.start
                for span in line.spans {
                    if span.contains(column) {
                        let index = start + Int(column - span.lowerBound)
                        if !stored[core.level + 1][index] {
                            frontier.push(Core(level: core.level + 1, column: column, row: row))
                        }
                        break
                    }
                    start += span.count
                }
            }
        }
    }

    /// Return a bit for each planned window of the three by three around one that is not stored.
    private func missingAround(_ core: Core) -> Int {
        var missing = 0
        for dy in 0..<3 {
            for dx in 0..<3 {
                let near = Core(
                    level: core.level, column: core.column + Int64(dx - 1), row: core.row + Int64(dy - 1))
                guard let near = plan.canvas.normalized(near),
                    let index = plan.sets[core.level].index(column: near.column, row: near.row),
                    !stored[core.level][index]
                else { continue }
                missing |= 1 << (3 * dy + dx)
            }
        }
        return missing
    }

    /// Return a bit for each of before, at and after `centre` that lies in the range.
    private static func mask(_ range: Range<Int64>, around centre: Int64) -> Int {
        (0..<3).reduce(0) { range.contains(centre + Int64($1 - 1)) ? $0 | 1 << $1 : $0 }
    }

    private mutating func mark(_ core: Core) -> Bool {
        guard let index = plan.sets[core.level].index(column: core.column, row: core.row),
            !stored[core.level][index]
        else { return false }
        stored[core.level][index] = true
        doneCounts[core.level] += 1
        return true
    }

    private func dependenciesStored(_ core: Core) -> Bool {
        var all = true
        plan.canvas.forEachParent(of: core) { parent in
            if let index = plan.sets[parent.level].index(column: parent.column, row: parent.row),
                !stored[parent.level][index]
            {
                all = false
            }
        }
        return all
    }

    /// Find what is ready because a former run stored its parents; each window from its first parent, so once.
    private mutating func findFrontier() {
        let (plan, canvas, sets) = (plan, plan.canvas, plan.sets)
        for level in stride(from: 2, through: plan.levels, by: 1) where doneCounts[level - 1] > 0 {
            sets[level - 1].forEach { column, row in
                let parent = Core(level: level - 1, column: column, row: row)
                guard isStored(parent) else { return }
                canvas.forEachChild(of: parent) { child in
                    guard let index = sets[level].index(column: child.column, row: child.row),
                        !stored[level][index], plan.dependencies(of: child).first == parent, dependenciesStored(child)
                    else { return }
                    frontier.push(child)
                }
            }
        }
    }
}

extension CoreSet {
    /// Return a bit for every core of this set, in row order: whether the other set has it.
    ///
    /// - Returns: The bits, and how many are set.
    func marks(of other: CoreSet) -> (BitArray, Int) {
        var bits = BitArray(repeating: false, count: count)
        var total = 0
        for row in rows {
            for span in spans(row: row) {
                guard let start = index(column: span.lowerBound, row: row) else { continue }
                for theirs in other.spans(row: row) {
                    let shared = span.clamped(to: theirs)
                    guard !shared.isEmpty else { continue }
                    let first = start + Int(shared.lowerBound - span.lowerBound)
                    bits.fill(in: first..<first + shared.count, with: true)
                    total += shared.count
                }
            }
        }
        return (bits, total)
    }
}
