internal import Dispatch
internal import Foundation

/// Return what `body` makes of 0 ..< `count`, in order, computed on all processors; throw the first error.
package func concurrentMap<Value: Sendable>(
    _ count: Int, _ body: @Sendable (Int) throws -> Value
) throws -> [Value] {
    let results = Results<Value>(count: count)
    DispatchQueue.concurrentPerform(iterations: count) { index in
        results.set(index, Result { try body(index) })
    }
    return try results.values.compactMap { try $0?.get() }
}

/// Results of a parallel loop; `@unchecked Sendable` because a lock guards them.
private final class Results<Value: Sendable>: @unchecked Sendable {
    private let lock = NSLock()
    private(set) var values: [Result<Value, any Error>?]

    init(count: Int) { values = Array(repeating: nil, count: count) }

    func set(_ index: Int, _ value: Result<Value, any Error>) {
        lock.withLock { values[index] = value }
    }
}
