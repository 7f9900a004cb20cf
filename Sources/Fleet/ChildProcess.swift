import CFleet
import Glibc

/// A started program, and the descriptor that tells of its end.
struct ChildProcess {
    let pid: pid_t
    let watch: Int32
    /// Where in the log this start begins.
    let logOffset: Int64

    /// Start a program; it dies with the calling thread.
    ///
    /// - Throws: `FleetError.cannotStart`.
    init(executable: String, arguments: [String], environment: [String: String], log: LogFile) throws {
        let (descriptor, length) = try log.open()
        defer { close(descriptor) }
        let words = ([executable] + arguments).map { strdup($0) } + [nil]
        let variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer {
            words.forEach { free($0) }
            variables.forEach { free($0) }
        }
        pid = cfleet_spawn(executable, words, variables, descriptor)
        guard pid > 0 else {
            throw FleetError.cannotStart(what: executable, reason: String(cString: strerror(errno)))
        }
        logOffset = length
        watch = cfleet_watch(pid)
    }

    /// Return how the process ended, or nil while it runs; once, for it frees the process's entry.
    func reap() -> ProcessEnding? {
        var status: Int32 = 0
        let result = waitpid(pid, &status, WNOHANG)
        guard result != 0, !(result < 0 && errno == EINTR) else { return nil }
        if watch >= 0 { close(watch) }
        return result == pid ? ProcessEnding(waitStatus: status) : .exited(-1)
    }

    /// Send a signal to the process and what it started.
    func signal(_ number: Int32) {
        if kill(-pid, number) != 0 { kill(pid, number) }
    }
}
