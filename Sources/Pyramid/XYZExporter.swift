internal import Canvas
public import Foundation

/// Writes a mosaic as a directory of tiles, OUT/z/x/y.png, for every zoom from 0 to the finest.
///
/// Each file is written under another name and renamed, so none is ever half there. Run again, it goes on: files that
/// are equal already are left alone, and those of a mosaic that has grown since are replaced.
public struct XYZExporter: Sendable {
    public struct Report: Sendable, Hashable {
        /// Tiles written now.
        public var written = 0
        /// Tiles that were there already.
        public var kept = 0
        /// PNG bytes of both.
        public var bytes = 0
    }

    private let mosaic: Mosaic

    public init(_ mosaic: Mosaic) {
        self.mosaic = mosaic
    }

    /// Export.
    ///
    /// - Parameters:
    ///   - directory: Where to write; created where missing.
    ///   - progress: Called after each tile with the number done and an upper bound of all; return false to stop.
    /// - Throws: `MosaicError.diskFull`, `.readOnly`, `.io`, `.damaged`; `CancellationError` where `progress` stops it.
    @discardableResult
    public func export(
        to directory: URL, progress: (_ done: Int, _ total: Int) -> Bool = { _, _ in true }
    ) throws -> Report {
        let walk = PyramidWalk(mosaic)
        let total = try walk.count()
        var report = Report()
        var folders: Set<String> = []
        try walk.forEach { tile, data in
            let folder = directory.appendingPathComponent("\(tile.zoom)/\(tile.x)").path
            if folders.insert(folder).inserted {
                do {
                    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
                } catch {
                    throw MosaicError.from(writing: folder, error)
                }
                if folders.count > 4096 { folders = [folder] }
            }
            let path = "\(folder)/\(tile.y).png"
            if Self.holds(path, data) {
                report.kept += 1
            } else {
                try Self.write(data, to: path)
                report.written += 1
            }
            report.bytes += data.count
            guard progress(report.written + report.kept, total) else { throw CancellationError() }
        }
        return report
    }

    private static func holds(_ path: String, _ data: [UInt8]) -> Bool {
        var info = stat()
        guard stat(path, &info) == 0, info.st_size == data.count else { return false }
        return FileManager.default.contents(atPath: path).map { $0.elementsEqual(data) } ?? false
    }

    private static func write(_ data: [UInt8], to path: String) throws {
        let temporary = path + ".tmp"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw MosaicError.from(errno: errno, path: temporary) }
        var offset = 0
        while offset < data.count {
            let count = data[offset...].withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            guard count >= 0 || errno == EINTR else {
                let code = errno
                close(descriptor)
                unlink(temporary)
                throw MosaicError.from(errno: code, path: path)
            }
            offset += max(0, count)
        }
        guard close(descriptor) == 0, rename(temporary, path) == 0 else {
            throw MosaicError.from(errno: errno, path: path)
        }
    }
}
