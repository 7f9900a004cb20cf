import Foundation
import Testing

/// A `render --json` under way, whose progress can be waited for.
final class BackgroundRender {
    struct Progress: Decodable {
        var event: String
        var done: Int?
    }

    struct Ended: Error {}

    let process: Process
    private let output = Pipe()
    private var buffer = Data()

    init(_ arguments: [String]) throws {
        process = Tessera.process(arguments)
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        try process.run()
    }

    deinit { if process.isRunning { process.terminate() } }

    /// Wait until so many windows are stored.
    func wait(windows: Int) throws -> (done: Int, event: String) {
        while let line = nextLine() {
            guard let progress = try? JSONDecoder().decode(Progress.self, from: line) else { continue }
            if let done = progress.done, done >= windows { return (done, progress.event) }
        }
        throw Ended()
    }

    /// The process ids of the workers it started.
    func workers() throws -> [pid_t] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { name in
            guard let pid = pid_t(name), let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
            else { return nil }
            // pid (name) state parent …; the name may hold anything but the last parenthesis.
            let fields = text[text.index(after: text.lastIndex(of: ")") ?? text.startIndex)...].split(separator: " ")
            guard fields.count > 1, fields[0] != "Z" else { return nil }
            return pid_t(fields[1]) == process.processIdentifier ? pid : nil
        }
    }

    private func nextLine() -> Data? {
        while true {
            if let end = buffer.firstIndex(of: UInt8(ascii: "\n")) {
                let line = buffer[..<end]
                buffer = Data(buffer[buffer.index(after: end)...])
                return Data(line)
            }
            let more = output.fileHandleForReading.availableData
            if more.isEmpty { return nil }
            buffer += more
        }
    }
}
