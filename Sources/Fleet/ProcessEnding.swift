import Glibc

/// How a process ended.
public enum ProcessEnding: Hashable, Sendable, CustomStringConvertible {
    case exited(Int32)
    case signalled(Int32)

    /// Decode what `waitpid` reported.
    init(waitStatus status: Int32) {
        let signal = status & 0x7f
        self = signal == 0 ? .exited((status >> 8) & 0xff) : .signalled(signal)
    }

    public var description: String {
        switch self {
        case .exited(let code): "exit status \(code)"
        case .signalled(let number): "signal \(number), \(strsignal(number).map { String(cString: $0) } ?? "unknown")"
        }
    }
}
