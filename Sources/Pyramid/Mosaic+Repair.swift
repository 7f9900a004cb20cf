public import Canvas
internal import Foundation
public import Raster

extension Mosaic {
    /// Set a damaged file aside and keep what is intact in it; the cores of the rest count as not done.
    ///
    /// - Parameter path: As `MosaicError.damaged` names it.
    /// - Returns: Whether it is a file of this mosaic.
    public func repair(_ path: String) throws -> Bool {
        try requireWritable()
        return try writeLock.withLock {
            guard let key = store.keys.first(where: { store.url($0).path == path }) else { return false }
            try store.salvage(key)
            cache.removeAll()
            if case .cell(let level, let cell) = key {
                replaceDone(level, cell, try Self.doneBits(store, key, description))
            }
            return true
        }
    }

    /// Return the pixels stored for a tile of level 0.
    public func basePixels(_ tile: Tile) throws -> RGBATile? { try pixels(level: 0, tile) }

    /// Test every file against its checksums, and return those that are damaged.
    ///
    /// - Complexity: O(bytes of the mosaic).
    public func check(progress: (_ done: Int, _ total: Int) -> Void = { _, _ in }) throws -> [DamagedFile] {
        var found: [DamagedFile] = []
        let keys = store.keys.sorted { store.url($0).path < store.url($1).path }
        for (index, key) in keys.enumerated() {
            do {
                try store.file(key)?.check()
            } catch MosaicError.damaged(let path, let reason) {
                found.append(DamagedFile(path: path, reason: reason))
            }
            progress(index + 1, keys.count)
        }
        return found
    }

    /// Close the files, and note that they are as this program left them; the mosaic is not to be used any more.
    ///
    /// Files without such a note, as after a crash, and files that changed since are tested when the mosaic is opened to
    /// be written.
    public func close() {
        guard isWritable else { return }
        writeLock.withLock { store.noteClosed() }
    }
}

extension CellStore {
    private struct Note: Codable, Equatable {
        var size: Int
        var seconds: Int
        var nanoseconds: Int

        init?(_ path: String) {
            var info = stat()
            guard stat(path, &info) == 0 else { return nil }
            (size, seconds, nanoseconds) = (Int(info.st_size), info.st_mtim.tv_sec, info.st_mtim.tv_nsec)
        }
    }

    private var notes: URL { directory.appending(path: "levels/closed.json") }

    private func name(_ key: Key) -> String { "\(key.level)/\(url(key).lastPathComponent)" }

    func noteClosed() {
        closeAll()
        var closed: [String: Note] = [:]
        for key in keys where !suspects.contains(key) { closed[name(key)] = Note(url(key).path) }
        guard !closed.isEmpty, let data = try? JSONEncoder().encode(closed) else { return }
        // Without it the next start takes longer, no more.
        try? data.write(to: notes, options: .atomic)
    }

    /// The files that are as they were closed; the note is gone then, for they are about to change.
    func takeNotes() -> Set<String> {
        guard let data = try? Data(contentsOf: notes),
            let closed = try? JSONDecoder().decode([String: Note].self, from: data)
        else { return [] }
        if isWritable { try? FileManager.default.removeItem(at: notes) }
        return Set(
            closed.filter { Note(directory.appending(path: "levels/\($0.key)").path) == $0.value }.keys)
    }

    func isNoted(_ key: Key, in notes: Set<String>) -> Bool { notes.contains(name(key)) }

    /// Move a damaged file away, and make a new one of the tiles that are intact in it.
    func salvage(_ key: Key) throws {
        let aside = try setAside(key)
        guard let aside, let old = try? CellFile(path: aside, mode: .read) else { return }
        var kept = 0
        try old.salvage { changes in
            guard !changes.isEmpty else { return }
            try file(key, creating: true)?.write(changes)
            kept += changes.count
        }
        if kept == 0 { forget(key) }
    }
}
