import Foundation
import Logging
import Synchronization

/// Writes log events to a file, a line each: time, level, source, message, and the metadata as `key=value` by key.
/// Lines are flushed as they come.
struct LogFileHandler: LogHandler {
    private let file: LogSink
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .info
    private let label: String

    init(label: String, file: LogSink) {
        self.label = label
        self.file = file
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
        let details = all.map { Self.field($0.key, "\($0.value)") }.joined()
        let time = Date().formatted(.iso8601)
        file.write("\(time) \(event.level) \(label): \(Self.oneLine("\(event.message)"))\(details)\n")
    }

    /// Return ` key=value`; quoted where the value would not end at the next space.
    static func field(_ key: String, _ value: String) -> String {
        let isPlain = !value.isEmpty && !value.contains { $0.isWhitespace || $0 == "\"" || $0 == "=" }
        if isPlain { return " \(key)=\(value)" }
        let quoted = value.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\"", with: "\\\"")
        return " \(key)=\"\(oneLine(quoted))\""
    }

    private static func oneLine(_ text: String) -> String {
        text.replacingOccurrences(of: "\r", with: "\\r").replacingOccurrences(of: "\n", with: "\\n")
    }
}

/// Where log lines go: a descriptor, opened for appending.
final class LogSink: Sendable {
    private let handle: Mutex<FileHandle>

    init(_ handle: sending FileHandle) { self.handle = Mutex(handle) }

    /// - Throws: `CommandError` where the file cannot be written.
    static func appending(to url: URL) throws -> LogSink {
        do {
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        } catch {
            throw CommandError("cannot create \(url.deletingLastPathComponent().path): \(error.localizedDescription)")
        }
        let descriptor = open(url.path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw CommandError("cannot write \(url.path): \(String(cString: strerror(errno)))")
        }
        return LogSink(FileHandle(fileDescriptor: descriptor, closeOnDealloc: true))
    }

    static var standardError: LogSink { LogSink(FileHandle(fileDescriptor: STDERR_FILENO, closeOnDealloc: false)) }

    func write(_ line: String) { handle.withLock { try? $0.write(contentsOf: Data(line.utf8)) } }

    /// Send all of this process's logging here; once in a process.
    func takeLogging(level: Logger.Level) {
        LoggingSystem.bootstrap { label in
            var handler = LogFileHandler(label: label, file: self)
            handler.logLevel = level
            return handler
        }
    }
}
