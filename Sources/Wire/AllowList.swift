public import Foundation
internal import Synchronization

/// The public keys that may connect, kept in a file: `KEY NAME` a line, comments after `# `.
///
/// Changes go to the file before they count. What others write into it is taken over by `reload`. All methods may be
/// called from any thread.
public final class AllowList: Sendable {
    public struct Entry: Hashable, Sendable, Codable {
        public var key: String
        public var name: String

        public init(key: String, name: String) {
            self.key = key
            self.name = name
        }
    }

    private struct State {
        var names: [CurveKey: String] = [:]
        var stamp = Stamp()
    }

    private struct Stamp: Equatable {
        var seconds = 0
        var nanoseconds = 0
        var size = 0
        var inode: UInt64 = 0
    }

    public let url: URL
    private let state = Mutex(State())

    /// Read a list; a file that is not there is an empty one.
    ///
    /// - Parameter url: A file, or a folder, in which it is the file `workers.allowed`.
    /// - Throws: `KeyError` for a file that cannot be read, or that others may write.
    public init(_ url: URL) throws {
        var isFolder: ObjCBool = false
        let exists = FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder)
        self.url = exists && isFolder.boolValue ? url.appending(path: Self.fileName) : url
        try reload()
    }

    public static let fileName = "workers.allowed"

    public func admits(_ key: CurveKey) -> Bool { state.withLock { $0.names[key] != nil } }

    public var entries: [Entry] {
        state.withLock { state in
            state.names.map { Entry(key: $0.key.description, name: $0.value) }
        }.sorted { ($0.name, $0.key) < ($1.name, $1.key) }
    }

    /// Let a key in from now on.
    public func allow(_ key: CurveKey, name: String) throws {
        let name = name.legible(limit: 200).trimmingCharacters(in: .whitespaces)
        try change { $0[key] = name.isEmpty ? "worker" : name }
    }

    /// Keep a key out from now on.
    ///
    /// - Returns: Whether it was in the list.
    @discardableResult
    public func revoke(_ key: CurveKey) throws -> Bool {
        var was = false
        try change { was = $0.removeValue(forKey: key) != nil }
        return was
    }

    /// Take over what the file says, where it has changed since.
    ///
    /// - Returns: Whether it had.
    /// - Throws: `KeyError`; the list stays as it was then.
    @discardableResult
    public func reload() throws -> Bool {
        try state.withLock { state in
            let stamp = try Self.stamp(url)
            guard stamp != state.stamp else { return false }
            state.names = try Self.read(url)
            state.stamp = stamp
            return true
        }
    }

    private func change(_ body: (inout [CurveKey: String]) -> Void) throws {
        try state.withLock { state in
            var names = try Self.stamp(url) == state.stamp ? state.names : Self.read(url)
            body(&names)
            try Self.write(names, to: url)
            state.names = names
            state.stamp = try Self.stamp(url)
        }
    }

    private static func stamp(_ url: URL) throws -> Stamp {
        var info = stat()
        guard stat(url.path, &info) == 0 else {
            guard errno == ENOENT else { throw KeyError("\(url.path): \(String(cString: strerror(errno)))") }
            return Stamp()
        }
        guard info.st_mode & 0o022 == 0 else {
            throw KeyError(
                "\(url.path) can be written by others, who could let themselves in: chmod go-w '\(url.path)'")
        }
        return Stamp(
            seconds: info.st_mtim.tv_sec, nanoseconds: info.st_mtim.tv_nsec, size: Int(info.st_size),
            inode: UInt64(info.st_ino))
    }

    private static func read(_ url: URL) throws -> [CurveKey: String] {
        guard FileManager.default.fileExists(atPath: url.path) else { return [:] }
        let text: String
        do {
            text = String(decoding: try Data(contentsOf: url), as: UTF8.self)
        } catch {
            throw KeyError("\(url.path) cannot be read: \(error.localizedDescription)")
        }
        var names: [CurveKey: String] = [:]
        for (number, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated()
        where !line.allSatisfy(\.isWhitespace) && !line.hasPrefix("# ") {
            let words = line.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: true)
            do {
                names[try CurveKey(String(words.first ?? ""))] = words.count > 1 ? String(words[1]) : "worker"
            } catch {
                throw KeyError("\(url.path), line \(number + 1): \(error); a line is `KEY NAME`")
            }
        }
        return names
    }

    private static func write(_ names: [CurveKey: String], to url: URL) throws {
        let lines = names.map { "\($0.key) \($0.value)" }.sorted()
        let text =
            "# Public keys of the workers that may connect, a line each: KEY NAME\n"
            + lines.map { $0 + "\n" }.joined()
        let temporary = url.deletingLastPathComponent().appending(
            path: ".\(url.lastPathComponent).\(UUID().uuidString)")
        do {
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        } catch {
            throw KeyError("\(url.path) cannot be written: \(error.localizedDescription)")
        }
        try KeyFile.create(temporary, mode: 0o644, text)
        guard rename(temporary.path, url.path) == 0 else {
            let code = errno
            unlink(temporary.path)
            throw KeyError("\(url.path) cannot be written: \(String(cString: strerror(code)))")
        }
    }
}
