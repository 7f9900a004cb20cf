import Foundation

/// Seconds of the clock and of the process's CPU time; the latter bears a busy machine.
struct Duration {
    var wall = 0.0
    var cpu = 0.0

    static func now() -> Duration {
        func seconds(_ clock: clockid_t) -> Double {
            var time = timespec()
            clock_gettime(clock, &time)
            return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
        }
        return Duration(wall: seconds(CLOCK_MONOTONIC), cpu: seconds(CLOCK_PROCESS_CPUTIME_ID))
    }

    static func measure(_ body: () throws -> Void) rethrows -> Duration {
        let start = now()
        try body()
        return now() - start
    }

    /// The least of several runs.
    static func least(_ runs: Int, _ body: () throws -> Void) rethrows -> Duration {
        var best = Duration(wall: .infinity, cpu: .infinity)
        for _ in 0..<runs {
            let time = try measure(body)
            best = Duration(wall: min(best.wall, time.wall), cpu: min(best.cpu, time.cpu))
        }
        return best
    }

    static func + (a: Duration, b: Duration) -> Duration { Duration(wall: a.wall + b.wall, cpu: a.cpu + b.cpu) }
    static func - (a: Duration, b: Duration) -> Duration { Duration(wall: a.wall - b.wall, cpu: a.cpu - b.cpu) }
}

enum Memory {
    /// Bytes of a line of /proc/self/status, e.g. VmHWM: the most that was resident.
    static func status(_ key: String) -> Int {
        let text = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix(key) }
        let digits = line?.split(whereSeparator: { !$0.isNumber }).first
        return (digits.flatMap { Int($0) } ?? 0) * 1024
    }
}

/// Raw values in files, as NumPy's `tofile` writes them.
enum RawFile {
    static func read<Element: BitwiseCopyable>(_ path: String, as type: Element.Type) throws -> [Element] {
        try Data(contentsOf: URL(fileURLWithPath: path)).withUnsafeBytes { bytes in
            (0..<bytes.count / MemoryLayout<Element>.stride).map {
                bytes.loadUnaligned(fromByteOffset: $0 * MemoryLayout<Element>.stride, as: Element.self)
            }
        }
    }

    static func write<Element: BitwiseCopyable>(_ values: [Element], to path: String) throws {
        try values.withUnsafeBytes { try Data($0).write(to: URL(fileURLWithPath: path)) }
    }
}
