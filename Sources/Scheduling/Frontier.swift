import BitCollections
import Canvas
import HeapModule

/// The windows of one job that may be leased now: finer levels first, then along a Hilbert curve.
///
/// Level 1 is never listed: it is walked along the curve as workers ask. Memory is that of the finer windows whose
/// parents are stored and that are not yet leased, which the order keeps few.
struct Frontier: Sendable {
    private struct Ready: Comparable {
        var core: Core
        var place: UInt64

        static func < (a: Ready, b: Ready) -> Bool {
            a.core.level != b.core.level ? a.core.level > b.core.level : a.place < b.place
        }
    }

    /// One queue: a heap, and behind it the walk over level 1.
    private struct Queue {
        var heap = Heap<Ready>()
        var walk: HilbertWalk?
        /// The next window of level 1, found ahead of time, so that the end is known when it comes.
        var next: Core?

        var isEmpty: Bool { heap.isEmpty && next == nil }

        /// Find the walk's next window, where the one found before is taken.
        mutating func advance(_ level1: CoreSet, _ walked: BitArray) {
            func isOpen(_ column: Int64, _ row: Int64) -> Bool {
                level1.index(column: column, row: row).map { !walked[$0] } ?? false
            }
            if let next, isOpen(next.column, next.row) { return }
            next = nil
            while let (column, row) = walk?.next() {
                guard isOpen(column, row) else { continue }
                next = Core(level: 1, column: column, row: row)
                return
            }
        }
    }

    private var main = Queue()
    private var urgent = Queue()
    private var urgentSets: [CoreSet]?
    private let level1: CoreSet
    private let frames: [HilbertFrame]
    /// Windows of level 1 that are stored, or were taken from a walk; they come back through the heap alone.
    private var walked: BitArray

    init(plan: Plan, storedLevel1: BitArray) {
        let frame = HilbertFrame(around: plan.sets[0])
        frames = plan.sets.indices.map { frame.finer(by: $0) }
        level1 = plan.sets[1]
        walked = storedLevel1
        main.walk = HilbertWalk(plan.sets[1], within: frames[1])
        main.advance(level1, walked)
    }

    var isEmpty: Bool { main.isEmpty && urgent.isEmpty }

    /// Windows of finer levels that wait to be leased.
    var count: Int { main.heap.count + urgent.heap.count }

    mutating func push(_ core: Core) {
        let ready = Ready(core: core, place: frames[core.level].index(column: core.column, row: core.row))
        if urgentSets?[core.level].contains(column: core.column, row: core.row) == true {
            urgent.heap.insert(ready)
        } else {
            main.heap.insert(ready)
        }
    }

    mutating func pop() -> Core? {
        if let ready = urgent.heap.popMin() { return ready.core }
        if let core = urgent.next { return take(core) }
        if let ready = main.heap.popMin() { return ready.core }
        return main.next.map { take($0) }
    }

    /// Take the windows of these sets before all others; nil ends that.
    mutating func prefer(_ sets: [CoreSet]?) {
        urgentSets = sets
        let waiting = main.heap.unordered + urgent.heap.unordered
        main.heap = Heap()
        urgent = Queue()
        for ready in waiting {
            if sets?[ready.core.level].contains(column: ready.core.column, row: ready.core.row) == true {
                urgent.heap.insert(ready)
            } else {
                main.heap.insert(ready)
            }
        }
        guard let sets else { return }
        urgent.walk = HilbertWalk(sets[1], within: frames[1])
        urgent.advance(level1, walked)
    }

    /// Take a window from a walk; the other one may stand at it too.
    private mutating func take(_ core: Core) -> Core {
        if let index = level1.index(column: core.column, row: core.row) { walked[index] = true }
        main.advance(level1, walked)
        urgent.advance(level1, walked)
        return core
    }
}
