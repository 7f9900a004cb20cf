internal import Canvas
internal import Foundation

/// What an export did.
public struct ExportReport: Sendable, Hashable {
    /// Tiles written now.
    public var written = 0
    /// Tiles that an earlier, interrupted run had written.
    public var kept = 0
    /// Bytes of tile data of both.
    public var bytes = 0

    public init() {}
}

/// Called after each tile with the number done and that of all; return false to stop.
public typealias ExportProgress = (_ done: Int, _ total: Int) -> Bool

/// A file or folder being exported, under another name until it is whole.
struct ExportTarget {
    let url: URL
    /// What is written; an interrupted export leaves it to be gone on with.
    var temporary: URL { url.deletingLastPathComponent().appendingPathComponent(url.lastPathComponent + ".tmp") }
    /// Overviews made for the export.
    var scratch: URL {
        url.deletingLastPathComponent().appendingPathComponent(url.lastPathComponent + ".overviews.tmp")
    }

    init(_ url: URL) throws {
        self.url = url.standardizedFileURL
        let folder = self.url.deletingLastPathComponent()
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        } catch {
            throw MosaicError.from(writing: folder.path, error)
        }
    }

    /// Give the finished file its name; what had it is replaced.
    func publish() throws { try Self.rename(temporary.path, url.path) }

    static func rename(_ from: String, _ to: String) throws {
        guard Foundation.rename(from, to) == 0 else { throw MosaicError.from(errno: errno, path: to) }
    }

    /// Write a whole file under another name, and rename it.
    static func write(_ data: [UInt8], to path: String) throws {
        let temporary = path + ".tmp"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw MosaicError.from(errno: errno, path: temporary) }
        do {
            try Self.write(data, to: descriptor, path: path)
        } catch {
            close(descriptor)
            unlink(temporary)
            throw error
        }
        guard close(descriptor) == 0 else { throw MosaicError.from(errno: errno, path: path) }
        try rename(temporary, path)
    }

    static func write(_ data: [UInt8], to descriptor: Int32, path: String) throws {
        var offset = 0
        while offset < data.count {
            let count = data[offset...].withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            guard count >= 0 || errno == EINTR else { throw MosaicError.from(errno: errno, path: path) }
            offset += max(0, count)
        }
    }
}

extension Mosaic {
    /// Refuse tiles that lie outside of 2^zoom × 2^zoom, which most formats cannot address.
    func requireInGrid(_ tile: Tile, format: String) throws {
        let count = Int64(1) << Int64(tile.zoom)
        guard tile.x >= 0, tile.x < count, tile.y >= 0, tile.y < count else {
            throw MosaicError.invalid("\(format) cannot hold tile \(tile), which lies outside of the grid of its zoom")
        }
    }
}
