import Foundation
import Glibc

/// The thread that starts worker processes and waits for their ends.
///
/// @unchecked Sendable: everything mutable is read and written under `condition`.
final class Supervisor: @unchecked Sendable {
    private struct Entry {
        var member: LocalFleet.Member
        var child: ChildProcess?
        var restartAt: ContinuousClock.Instant?
    }

    private enum Phase {
        case starting, running
        case stopping(killAt: ContinuousClock.Instant, killed: Bool)
        case ended
    }

    private let configuration: LocalFleet.Configuration
    private let condition = NSCondition()
    private let wakeUp: (read: Int32, write: Int32)
    private let clock = ContinuousClock()
    private var phase = Phase.starting
    private var entries: [Entry]
    private var firstFailure: FleetError?

    init(_ configuration: LocalFleet.Configuration) {
        self.configuration = configuration
        var pair: [Int32] = [-1, -1]
        if pipe(&pair) != 0 { pair = [-1, -1] }
        for descriptor in pair {
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        }
        wakeUp = (pair[0], pair[1])
        entries = (0..<max(0, configuration.count)).map {
            Entry(member: LocalFleet.Member(worker: $0 + 1, state: .waiting, pid: 0, starts: 0, deaths: 0))
        }
    }

    deinit {
        close(wakeUp.read)
        close(wakeUp.write)
    }

    /// Start the thread, and block until it has started every worker once.
    func start() throws {
        let thread = Thread { self.run() }
        thread.name = "tessera-fleet"
        thread.start()
        let error = locked { () -> FleetError? in
            while case .starting = phase { condition.wait() }
            if case .ended = phase { return firstFailure }
            return nil
        }
        if let error { throw error }
    }

    var members: [LocalFleet.Member] { locked { entries.map(\.member) } }
    var failure: FleetError? { locked { firstFailure } }

    func madeProgress(pid: Int32) {
        locked {
            for index in entries.indices where entries[index].member.pid == pid { entries[index].member.deaths = 0 }
        }
    }

    func wait(timeout: Duration?, until test: ([LocalFleet.Member]) -> Bool) -> Bool {
        let deadline = timeout.map { Date(timeIntervalSinceNow: $0 / .seconds(1)) }
        return locked {
            while !test(entries.map(\.member)) {
                if let deadline {
                    if !condition.wait(until: deadline) { return test(entries.map(\.member)) }
                } else {
                    condition.wait()
                }
            }
            return true
        }
    }

    func stop(grace: Duration? = nil) {
        locked {
            let killAt = clock.now + (grace ?? configuration.grace)
            switch phase {
            case .ended: return
            case .starting, .running: phase = .stopping(killAt: killAt, killed: false)
            case .stopping(let before, let killed): phase = .stopping(killAt: min(before, killAt), killed: killed)
            }
            for index in entries.indices where entries[index].child == nil {
                if entries[index].member.state == .waiting { entries[index].member.state = .ended }
                entries[index].restartAt = nil
            }
            entries.forEach { $0.child?.signal(SIGTERM) }
            wake()
            while true {
                if case .ended = phase { return }
                condition.wait()
            }
        }
    }

    private func run() {
        locked { startAll() }
        while true {
            let pause: (watched: [pollfd], milliseconds: Int32)? = locked {
                step()
                condition.broadcast()
                if case .ended = phase { return nil }
                return nextPause()
            }
            guard let pause else { return }
            var watched = pause.watched
            poll(&watched, nfds_t(watched.count), pause.milliseconds)
            var bytes = [UInt8](repeating: 0, count: 64)
            while read(wakeUp.read, &bytes, bytes.count) > 0 {}
        }
    }

    private func startAll() {
        for index in entries.indices {
            do {
                try launch(index)
            } catch {
                firstFailure = error
                for entry in entries where entry.child != nil { entry.child?.signal(SIGKILL) }
                for index in entries.indices where entries[index].child == nil { entries[index].member.state = .ended }
                phase = .stopping(killAt: clock.now, killed: true)
                return
            }
        }
        phase = .running
    }

    private func launch(_ index: Int) throws(FleetError) {
        let worker = entries[index].member.worker
        do {
            let child = try ChildProcess(
                executable: configuration.executable, arguments: configuration.arguments(worker),
                environment: configuration.environment, log: log(of: worker))
            entries[index].child = child
            entries[index].member.pid = child.pid
            entries[index].member.state = .running
            entries[index].member.starts += 1
            entries[index].restartAt = nil
        } catch let error as FleetError {
            throw error
        } catch {
            throw .cannotStart(what: configuration.executable, reason: "\(error)")
        }
    }

    private func log(of worker: Int) -> LogFile {
        LogFile(path: configuration.logDirectory.appendingPathComponent("worker-\(worker).log").path)
    }

    /// Note the ended, kill the overdue, start the due.
    private func step() {
        for index in entries.indices {
            guard let child = entries[index].child, let ending = child.reap() else { continue }
            entries[index].child = nil
            note(ending, of: index, logOffset: child.logOffset)
        }
        switch phase {
        case .stopping(let killAt, let killed):
            if entries.allSatisfy({ $0.child == nil }) {
                phase = .ended
            } else if !killed, clock.now >= killAt {
                entries.forEach { $0.child?.signal(SIGKILL) }
                phase = .stopping(killAt: killAt, killed: true)
            }
        case .running:
            for index in entries.indices {
                guard let due = entries[index].restartAt, due <= clock.now else { continue }
                do {
                    try launch(index)
                } catch {
                    died(index, "\(error)", logOffset: .max)
                }
            }
        case .starting, .ended: break
        }
    }

    private func note(_ ending: ProcessEnding, of index: Int, logOffset: Int64) {
        if case .stopping = phase {
            entries[index].member.state = .ended
        } else if ending == .exited(0) {
            entries[index].member.state = .ended
        } else {
            died(index, "\(ending)", logOffset: logOffset)
        }
    }

    private func died(_ index: Int, _ ending: String, logOffset: Int64) {
        entries[index].member.deaths += 1
        let member = entries[index].member
        if let delay = configuration.restart.delay(afterDeaths: member.deaths) {
            entries[index].member.state = .waiting
            entries[index].restartAt = clock.now + delay
        } else {
            let log = log(of: member.worker)
            let error = FleetError.gaveUp(
                worker: member.worker, deaths: member.deaths, ending: ending,
                lastLines: log.tail(from: logOffset, lines: 8), log: log.path)
            entries[index].member.state = .givenUp
            entries[index].restartAt = nil
            if firstFailure == nil { firstFailure = error }
        }
    }

    /// What to wait for, and for how long.
    private func nextPause() -> (watched: [pollfd], milliseconds: Int32) {
        let children = entries.compactMap(\.child)
        var watched = [pollfd(fd: wakeUp.read, events: Int16(POLLIN), revents: 0)]
        watched += children.filter { $0.watch >= 0 }.map { pollfd(fd: $0.watch, events: Int16(POLLIN), revents: 0) }
        var due = entries.compactMap(\.restartAt)
        if case .stopping(let killAt, false) = phase { due.append(killAt) }
        // Where the kernel cannot watch a process, look after it now and then.
        if children.contains(where: { $0.watch < 0 }) { due.append(clock.now + .milliseconds(50)) }
        guard let next = due.min() else { return (watched, -1) }
        let wait = max(.zero, next - clock.now)
        return (watched, Int32(min(60_000, (wait / .milliseconds(1)).rounded(.up))))
    }

    private func wake() {
        var byte: UInt8 = 0
        write(wakeUp.write, &byte, 1)
    }

    private func locked<Result>(_ body: () -> Result) -> Result {
        condition.lock()
        defer { condition.unlock() }
        return body()
    }
}
