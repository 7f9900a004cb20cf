internal import Foundation
internal import Synchronization
internal import Wire

/// Drains a worker on SIGTERM and SIGINT: the first finishes the batch at hand, the second stops at once, the third
/// ends the process.
///
/// Keep the value for as long as signals shall be heard, and no second one meanwhile.
public final class SignalDrain: Sendable {
    private let watch: Watch

    /// - Throws: `TransportError` where descriptors have run out.
    public init(_ worker: Worker) throws {
        watch = Watch(wakeUp: try WakeUp())
        receivedSignals.store(0, ordering: .relaxed)
        signalDescriptor.store(watch.wakeUp.descriptor, ordering: .sequentiallyConsistent)
        for number in [SIGTERM, SIGINT] { signal(number, noteSignal) }
        let thread = Thread { [watch] in watch.run(worker) }
        thread.name = "tessera-signals"
        thread.start()
    }

    deinit {
        for number in [SIGTERM, SIGINT] { signal(number, SIG_DFL) }
        signalDescriptor.store(-1, ordering: .sequentiallyConsistent)
        watch.end()
    }
}

private let receivedSignals = Atomic<Int>(0)
/// Where the handler says that a signal came, or -1.
private let signalDescriptor = Atomic<Int32>(-1)

/// Only counts and writes: what POSIX allows in a signal handler (signal-safety(7)).
private func noteSignal(_ number: Int32) {
    guard receivedSignals.add(1, ordering: .relaxed).newValue < 3 else { _exit(128 + number) }
    let saved = errno
    var one: UInt64 = 1
    _ = write(signalDescriptor.load(ordering: .relaxed), &one, 8)
    errno = saved
}

/// The thread that passes signals on.
private final class Watch: Sendable {
    let wakeUp: WakeUp
    private let ended = Atomic(false)

    init(wakeUp: WakeUp) {
        self.wakeUp = wakeUp
    }

    func run(_ worker: Worker) {
        // Whoever started this process may have blocked them for all its threads.
        var heard = sigset_t()
        sigemptyset(&heard)
        for number in [SIGTERM, SIGINT] { sigaddset(&heard, number) }
        pthread_sigmask(SIG_UNBLOCK, &heard, nil)
        let poller = ZMQPoller([], wakeUp: wakeUp)
        var seen = 0
        while !ended.load(ordering: .relaxed) {
            guard (try? poller.wait(milliseconds: -1)) != nil else { return }
            let received = receivedSignals.load(ordering: .relaxed)
            guard received > seen else { continue }
            seen = received
            if received == 1 {
                worker.drain(.finish, reason: "interrupted by a signal")
            } else {
                worker.drain(.now, reason: "interrupted by a second signal")
            }
        }
    }

    func end() {
        ended.store(true, ordering: .relaxed)
        wakeUp.wake()
    }
}
