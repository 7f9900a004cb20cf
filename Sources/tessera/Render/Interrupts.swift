import Dispatch
import Foundation
import Synchronization

/// Ctrl-C and its like: the first is noted, so that work can stop in order; the second ends the process at once.
///
/// @unchecked Sendable: the sources, which Dispatch does not mark so, are touched by `init` and `deinit` alone.
final class Interrupts: @unchecked Sendable {
    private let count = Mutex(0)
    private let semaphore = DispatchSemaphore(value: 0)
    private let sources: [any DispatchSourceSignal]

    /// - Parameter onFirst: Called on a thread of Dispatch, once.
    init(_ signals: [Int32] = [SIGINT, SIGTERM, SIGHUP], onFirst: @escaping @Sendable () -> Void = {}) {
        sources = signals.map {
            signal($0, SIG_IGN)
            return DispatchSource.makeSignalSource(signal: $0, queue: DispatchQueue.global(qos: .userInteractive))
        }
        for source in sources {
            source.setEventHandler { [unowned self] in
                let number = count.withLock {
                    $0 += 1
                    return $0
                }
                guard number == 1 else { _exit(3) }
                onFirst()
                semaphore.signal()
            }
            source.resume()
        }
    }

    deinit { sources.forEach { $0.cancel() } }

    var happened: Bool { count.withLock { $0 > 0 } }

    /// Wait for the first interrupt at most this long; returns at once after it.
    func wait(_ duration: Duration) {
        guard !happened else { return }
        _ = semaphore.wait(timeout: .now() + duration / .seconds(1))
    }
}
