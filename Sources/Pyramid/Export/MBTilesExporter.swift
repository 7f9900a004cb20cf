internal import Canvas
public import Foundation
internal import GRDB

/// Writes a mosaic as one MBTiles 1.3 file; equal tiles are stored once.
///
/// It is written as OUT.tmp, a transaction every few hundred tiles, and renamed when whole. Interrupted, it goes on:
/// tiles that are in OUT.tmp with the checksum they should have are left alone.
public struct MBTilesExporter: Sendable {
    private let mosaic: Mosaic

    public init(_ mosaic: Mosaic) { self.mosaic = mosaic }

    /// Export.
    ///
    /// - Throws: `MosaicError.diskFull`, `.readOnly`, `.io`, `.damaged`, `.invalid` where a picture lies outside of the
    ///   grid; `CancellationError` where `progress` stops it.
    @discardableResult
    public func export(to file: URL, progress: ExportProgress = { _, _ in true }) throws -> ExportReport {
        let target = try ExportTarget(file)
        let source = try TileSource(mosaic, scratch: target.scratch) { progress(0, 0) }
        let metadata = Provenance(mosaic.description).mbtiles(
            extent: MosaicExtent(mosaic.canvas, zoom: mosaic.finestZoom, areas: source.areas),
            zooms: 0...mosaic.finestZoom, name: file.deletingPathExtension().lastPathComponent)
        let archive = try MBTilesArchive(path: target.temporary.path, metadata: metadata)
        var report = ExportReport()
        for zoom in 0...mosaic.finestZoom {
            try source.forEach(zoom: zoom) { tile, checksum, data in
                try mosaic.requireInGrid(tile, format: "MBTiles")
                if let size = try archive.size(of: tile, checksum: checksum) {
                    report.kept += 1
                    report.bytes += size
                } else {
                    let data = try data()
                    try archive.put(tile, checksum: checksum, data)
                    report.written += 1
                    report.bytes += data.count
                }
                guard progress(report.written + report.kept, source.count) else {
                    try archive.flush()
                    throw CancellationError()
                }
            }
        }
        try archive.close()
        try target.publish()
        return report
    }
}

/// An MBTiles file with `map` and `images`; `tiles` is a view that joins them.
final class MBTilesArchive {
    private let path: String
    private let queue: DatabaseQueue
    private var pending: [(tile: Tile, checksum: UInt64, data: [UInt8])] = []
    private var pendingBytes = 0

    /// Create a file, or go on with one of the same metadata; any other is begun anew.
    init(path: String, metadata: [String: String]) throws {
        self.path = path
        do {
            if let queue = try? Self.open(path), Self.holds(queue, metadata) {
                self.queue = queue
                return
            }
            for suffix in ["", "-journal"] { unlink(path + suffix) }
            queue = try Self.open(path)
            try Self.create(queue, metadata)
        } catch {
            throw MosaicError.from(error, path: path)
        }
    }

    private static func open(_ path: String) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.label = "mbtiles"
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA synchronous = NORMAL") }
        return try DatabaseQueue(path: path, configuration: configuration)
    }

    private static func holds(_ queue: DatabaseQueue, _ metadata: [String: String]) -> Bool {
        let stored = try? queue.read { db in
            guard try db.tableExists("map"), try db.tableExists("images"),
                try String.fetchOne(db, sql: "PRAGMA quick_check") == "ok"
            else { return [String: String]() }
            return try Row.fetchAll(db, sql: "SELECT name, value FROM metadata").reduce(into: [:]) { $0[$1[0]] = $1[1] }
        }
        return stored == metadata
    }

    private static func create(_ queue: DatabaseQueue, _ metadata: [String: String]) throws {
        try queue.inDatabase { db in
            try db.execute(sql: "PRAGMA page_size = 16384")
            try db.inTransaction {
                try db.execute(
                    sql: """
                        PRAGMA application_id = \(CellFile.applicationID);
                        CREATE TABLE metadata (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
                        CREATE TABLE map (
                            zoom_level INTEGER NOT NULL, tile_column INTEGER NOT NULL, tile_row INTEGER NOT NULL,
                            tile_id INTEGER NOT NULL, PRIMARY KEY (zoom_level, tile_column, tile_row)) WITHOUT ROWID;
                        CREATE TABLE images (tile_id INTEGER PRIMARY KEY, tile_data BLOB NOT NULL);
                        CREATE VIEW tiles AS SELECT zoom_level, tile_column, tile_row, tile_data
                            FROM map JOIN images USING (tile_id);
                        """)
                for (name, value) in metadata.sorted(by: { $0.key < $1.key }) {
                    try db.execute(sql: "INSERT INTO metadata VALUES (?, ?)", arguments: [name, value])
                }
                return .commit
            }
        }
    }

    /// Return the size of a tile that is there with this checksum, or nil.
    func size(of tile: Tile, checksum: UInt64) throws -> Int? {
        try run {
            try queue.read { db in
                let statement = try db.cachedStatement(
                    sql: """
                        SELECT length(tile_data) FROM map JOIN images USING (tile_id)
                        WHERE zoom_level = ? AND tile_column = ? AND tile_row = ? AND tile_id = ?
                        """)
                return try Int.fetchOne(
                    statement, arguments: [tile.zoom, tile.x, tile.tmsRow, Int64(bitPattern: checksum)])
            }
        }
    }

    func put(_ tile: Tile, checksum: UInt64, _ data: [UInt8]) throws {
        pending.append((tile, checksum, data))
        pendingBytes += data.count
        if pending.count >= 1024 || pendingBytes > 16 << 20 { try flush() }
    }

    func flush() throws {
        try run {
            try queue.write { db in
                let map = try db.cachedStatement(sql: "INSERT OR REPLACE INTO map VALUES (?, ?, ?, ?)")
                let image = try db.cachedStatement(sql: "INSERT OR IGNORE INTO images VALUES (?, ?)")
                for (tile, checksum, data) in pending {
                    let id = Int64(bitPattern: checksum)
                    try map.execute(arguments: [tile.zoom, tile.x, tile.tmsRow, id])
                    try image.execute(arguments: [id, Data(data)])
                }
            }
        }
        pending = []
        pendingBytes = 0
    }

    func close() throws {
        try flush()
        try run {
            try queue.write { try $0.execute(sql: "DELETE FROM images WHERE tile_id NOT IN (SELECT tile_id FROM map)") }
            try queue.close()
        }
    }

    private func run<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch {
            throw MosaicError.from(error, path: path)
        }
    }
}
