internal import Canvas
internal import Foundation

/// The cell files of a mosaic: where they are, which exist, and a bounded number of open ones.
///
/// Thread-safe through its lock; a file that is dropped from the pool closes once nobody uses it any more.
final class CellStore: @unchecked Sendable {
    /// A file of tiles of one level: a cell, or the overviews above the roots of all cells.
    enum Key: Hashable {
        case cell(level: Int, Cell)
        case above(level: Int)

        var level: Int {
            switch self {
            case .cell(let level, _), .above(let level): level
            }
        }
    }

    let directory: URL
    let canvas: Canvas
    let isWritable: Bool
    private let title: String
    private let limit: Int
    private let lock = NSLock()
    private var open: [Key: (file: CellFile, used: UInt64)] = [:]
    private var existing: Set<Key> = []
    private var clock: UInt64 = 0
    /// Files in which damage was found since the mosaic was opened.
    private(set) var suspects: Set<Key> = []

    init(directory: URL, canvas: Canvas, isWritable: Bool, title: String, limit: Int = 64) {
        self.directory = directory
        self.canvas = canvas
        self.isWritable = isWritable
        self.title = title
        self.limit = limit
    }

    /// Return the file that holds a tile of a level's zoom or of its overviews.
    func key(level: Int, _ tile: Tile) -> Key {
        let up = canvas.zoom(level: level) - tile.zoom
        guard up <= Cell.depth else { return .above(level: level) }
        let side = Cell.side >> Int64(up)
        return .cell(
            level: level,
            Cell(
                zoom: canvas.zoom(level: level), column: tile.x.floorDivided(by: side),
                row: tile.y.floorDivided(by: side)))
    }

    func url(_ key: Key) -> URL {
        let folder = directory.appendingPathComponent("levels/\(key.level)", isDirectory: true)
        switch key {
        case .cell(_, let cell): return folder.appendingPathComponent("cell_\(cell).mbtiles")
        case .above: return folder.appendingPathComponent("overviews.mbtiles")
        }
    }

    func register(_ key: Key) { _ = lock.withLock { existing.insert(key) } }

    func exists(_ key: Key) -> Bool { lock.withLock { existing.contains(key) } }

    var keys: [Key] { lock.withLock { Array(existing) } }

    /// Return a file, or nil where it does not exist and `creating` is false.
    func file(_ key: Key, creating: Bool = false) throws -> CellFile? {
        lock.lock()
        defer { lock.unlock() }
        clock += 1
        if let entry = open[key] {
            open[key]?.used = clock
            return entry.file
        }
        guard existing.contains(key) || creating else { return nil }
        let url = url(key)
        let file: CellFile
        if existing.contains(key) {
            file = try openExisting(url.path)
        } else {
            do {
                try FileManager.default.createDirectory(
                    at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            } catch {
                throw MosaicError.from(writing: url.deletingLastPathComponent().path, error)
            }
            file = try CellFile(path: url.path, mode: .create(metadata(key)))
            existing.insert(key)
        }
        open[key] = (file, clock)
        if open.count > limit, let oldest = open.min(by: { $0.value.used < $1.value.used }) {
            open[oldest.key] = nil
        }
        return file
    }

    func suspect(_ path: String) {
        lock.withLock {
            if let key = existing.first(where: { url($0).path == path }) { suspects.insert(key) }
        }
    }

    func forget(_ key: Key) {
        lock.withLock {
            suspects.remove(key)
            open[key] = nil
            existing.remove(key)
        }
    }

    /// Open a file; where a writer died in the middle of a transaction, undo that first.
    private func openExisting(_ path: String) throws -> CellFile {
        guard !isWritable else { return try CellFile(path: path, mode: .write) }
        do {
            return try CellFile(path: path, mode: .read)
        } catch MosaicError.readOnly {
            _ = try CellFile(path: path, mode: .write)
            return try CellFile(path: path, mode: .read)
        }
    }

    /// Forget open files, so that the directory can be moved or read by others.
    func closeAll() {
        lock.withLock { open.removeAll() }
    }

    private func metadata(_ key: Key) -> [String: String] {
        let zoom = canvas.zoom(level: key.level)
        var west = -180.0, east = 180.0
        var south = -WebMercator.maximumLatitude, north = WebMercator.maximumLatitude
        var finest = zoom
        if case .cell(_, let cell) = key {
            let world = WindowGeometry.tile << Int64(zoom)
            let side = Cell.side * WindowGeometry.tile
            let onWorld = canvas.surface == .webMercator
            func clamped(_ value: Int64) -> Double { Double(onWorld ? min(max(value, 0), world) : value) }
            west = WebMercator.longitude(x: clamped(cell.column * side), zoom: zoom)
            east = WebMercator.longitude(x: clamped((cell.column + 1) * side), zoom: zoom)
            north = WebMercator.latitude(y: clamped(cell.row * side), zoom: zoom)
            south = WebMercator.latitude(y: clamped((cell.row + 1) * side), zoom: zoom)
        } else {
            finest = max(0, zoom - Cell.depth - 1)
        }
        return [
            "name": title, "type": "overlay", "version": "1.3", "format": "png",
            "description": key.level == 0 ? "Base map" : "Synthetic imagery: generated detail, not observed",
            "bounds": [west, south, east, north].map { "\($0)" }.joined(separator: ","),
            "minzoom": "\(finest)", "maxzoom": "\(finest)",
        ]
    }
}
