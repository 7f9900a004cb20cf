import Foundation

/// Threads for calls that block (files, GDAL, a model to open), so that none holds up the cooperative pool.
final class BlockingQueue: Sendable {
    private let queue: OperationQueue

    init(width: Int) {
        queue = OperationQueue()
        queue.name = "tessera-monitor"
        queue.maxConcurrentOperationCount = width
    }

    func run<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.addOperation { continuation.resume(with: Result { try work() }) }
        }
    }
}
