internal import Canvas
internal import Foundation
internal import GRDB
internal import Raster

/// One SQLite file of tiles: MBTiles 1.3 (`metadata`, `tiles`, rows from the south) and a `progress` table.
///
/// `images` holds each picture once, under its checksum; `tiles` is a view that joins it to `progress`.
///
/// The journal is a rollback journal, deleted at each commit: after a kill at any moment the file holds exactly what was
/// committed, and it opens read-only, in a folder that cannot be written, without companions. (A WAL file would not.)
final class CellFile: Sendable {
    /// A tile as it is to be stored; one with empty data does not appear in `tiles`.
    struct Change {
        let tile: Tile
        /// Bits of the cores that are stored; for overviews, all ones.
        let done: UInt64
        let data: [UInt8]
        /// For overviews, the digest of the four children they were made from.
        let sources: UInt64?
        /// `Checksum.of` the data; 0 where there are none.
        let checksum: UInt64

        init(tile: Tile, done: UInt64, data: [UInt8], sources: UInt64?) {
            self.tile = tile
            self.done = done
            self.data = data
            self.sources = sources
            checksum = data.isEmpty ? 0 : Checksum.of(data)
        }
    }

    struct Progress {
        var tile: Tile
        var done: UInt64
        /// `Checksum.of` the tile's data; 0 where it has none.
        var checksum: UInt64
        var sources: UInt64?
    }

    let path: String
    private let queue: DatabaseQueue

    /// "MPBX", as the MBTiles specification assigns it.
    static let applicationID: Int32 = 0x4d50_4258

    init(path: String, mode: Mode) throws {
        self.path = path
        var configuration = Configuration()
        configuration.readonly = mode == .read
        configuration.busyMode = .timeout(10)
        configuration.label = "cell"
        if mode != .read {
            configuration.prepareDatabase { try $0.execute(sql: "PRAGMA synchronous = FULL") }
        }
        do {
            queue = try DatabaseQueue(path: path, configuration: configuration)
            if case .create(let metadata) = mode { try Self.create(queue, metadata) }
            try queue.read { db in
                let id = try Int32.fetchOne(db, sql: "PRAGMA application_id")
                guard id == Self.applicationID, try db.tableExists("progress"), try db.tableExists("images") else {
                    throw MosaicError.damaged(file: path, reason: "it is not a cell of tiles")
                }
            }
        } catch {
            throw MosaicError.from(error, path: path)
        }
    }

    enum Mode: Equatable {
        case read
        case write
        /// Open for writing, and make the tables where they are missing.
        case create([String: String])
    }

    private static func create(_ queue: DatabaseQueue, _ metadata: [String: String]) throws {
        try queue.inDatabase { db in
            guard try !db.tableExists("progress") else { return }
            try db.execute(sql: "PRAGMA page_size = 16384")
            try db.inTransaction {
                try db.execute(
                    sql: """
                        PRAGMA application_id = \(applicationID);
                        CREATE TABLE metadata (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
                        CREATE TABLE progress (
                            zoom_level INTEGER NOT NULL, tile_column INTEGER NOT NULL, tile_row INTEGER NOT NULL,
                            done INTEGER NOT NULL, checksum INTEGER NOT NULL, sources INTEGER,
                            PRIMARY KEY (zoom_level, tile_column, tile_row)) WITHOUT ROWID;
                        CREATE INDEX progress_checksum ON progress (checksum);
                        CREATE TABLE images (tile_id INTEGER PRIMARY KEY, tile_data BLOB NOT NULL);
                        CREATE VIEW tiles AS SELECT zoom_level, tile_column, tile_row, tile_data
                            FROM progress JOIN images ON tile_id = checksum;
                        """)
                for (name, value) in metadata.sorted(by: { $0.key < $1.key }) {
                    try db.execute(sql: "INSERT INTO metadata VALUES (?, ?)", arguments: [name, value])
                }
                return .commit
            }
        }
    }

    /// Store tiles in one transaction: all of them, or none and an error.
    func write(_ changes: [Change]) throws {
        guard !changes.isEmpty else { return }
        try run {
            try queue.write { db in
                let before = try db.cachedStatement(
                    sql: "SELECT checksum FROM progress WHERE zoom_level = ? AND tile_column = ? AND tile_row = ?")
                let progress = try db.cachedStatement(sql: "INSERT OR REPLACE INTO progress VALUES (?, ?, ?, ?, ?, ?)")
                let insert = try db.cachedStatement(sql: "INSERT OR REPLACE INTO images VALUES (?, ?)")
                let remove = try db.cachedStatement(
                    sql: """
                        DELETE FROM images
                        WHERE tile_id = ?1 AND NOT EXISTS (SELECT 1 FROM progress WHERE checksum = ?1)
                        """)
                for change in changes {
                    let key: [any DatabaseValueConvertible] = [change.tile.zoom, change.tile.x, change.tile.tmsRow]
                    let checksum = Int64(bitPattern: change.checksum)
                    let replaced = try Int64.fetchOne(before, arguments: StatementArguments(key))
                    try progress.execute(
                        arguments: StatementArguments(key) + [
                            Int64(bitPattern: change.done), checksum, change.sources.map { Int64(bitPattern: $0) },
                        ])
                    if !change.data.isEmpty { try insert.execute(arguments: [checksum, Data(change.data)]) }
                    if let replaced, replaced != checksum { try remove.execute(arguments: [replaced]) }
                }
                if let least = changes.map(\.tile.zoom).min() {
                    try db.execute(
                        sql: """
                            UPDATE metadata SET value = CAST(? AS TEXT)
                            WHERE name = 'minzoom' AND CAST(value AS INTEGER) > ?
                            """, arguments: [least, least])
                }
            }
        }
    }

    /// Return a tile's data and checksum, or nil where none is stored.
    ///
    /// - Throws: `MosaicError.damaged` where the data are missing or do not have the checksum.
    func tile(_ tile: Tile) throws -> (data: [UInt8], checksum: UInt64)? {
        let found = try run {
            try queue.read { db -> (Data?, UInt64)? in
                let statement = try db.cachedStatement(
                    sql: """
                        SELECT CAST(tile_data AS BLOB), coalesce(CAST(checksum AS INTEGER), 0)
                        FROM progress LEFT JOIN images ON tile_id = checksum
                        WHERE zoom_level = ? AND tile_column = ? AND tile_row = ?
                        """)
                return try Row.fetchOne(statement, arguments: [tile.zoom, tile.x, tile.tmsRow]).map {
                    ($0[0], UInt64(bitPattern: $0[1]))
                }
            }
        }
        guard let found, found.1 != 0 else { return nil }
        guard let data = found.0.map({ [UInt8]($0) }), Checksum.of(data) == found.1 else {
            throw MosaicError.damaged(
                file: path,
                reason: "tile \(tile) \(found.0 == nil ? "is missing" : "does not have its checksum")")
        }
        return (data, found.1)
    }

    func progress(of tile: Tile) throws -> Progress? {
        try run {
            try queue.read { db in
                let statement = try db.cachedStatement(
                    sql: Self.selectProgress + " AND zoom_level = ? AND tile_column = ? AND tile_row = ?")
                return try Row.fetchOne(statement, arguments: [tile.zoom, tile.x, tile.tmsRow]).map(Self.progress)
            }
        }
    }

    /// Call `body` for every tile and overview.
    func forEachProgress(_ body: (Progress) throws -> Void) throws {
        try run {
            try queue.read { db in
                let rows = try Row.fetchCursor(db, sql: Self.selectProgress)
                while let row = try rows.next() { try body(Self.progress(row)) }
            }
        }
    }

    /// Call `body` for the tiles of one zoom under a rectangle of tiles, in no particular order.
    func forEachProgress(zoom: Int, columns: Range<Int64>, rows: Range<Int64>, _ body: (Progress) throws -> Void) throws
    {
        let south = Tile(zoom: zoom, x: 0, y: rows.upperBound - 1).tmsRow
        let north = Tile(zoom: zoom, x: 0, y: rows.lowerBound).tmsRow
        try run {
            try queue.read { db in
                let rows = try Row.fetchCursor(
                    db,
                    sql: Self.selectProgress
                        + " AND zoom_level = ? AND tile_column BETWEEN ? AND ? AND tile_row BETWEEN ? AND ?",
                    arguments: [zoom, columns.lowerBound, columns.upperBound - 1, south, north])
                while let row = try rows.next() { try body(Self.progress(row)) }
            }
        }
    }

    /// Only integers within bounds, whatever a damaged file holds.
    static let selectProgress = """
        SELECT CAST(zoom_level AS INTEGER), CAST(tile_column AS INTEGER), CAST(tile_row AS INTEGER),
            coalesce(CAST(done AS INTEGER), 0), coalesce(CAST(checksum AS INTEGER), 0), CAST(sources AS INTEGER)
        FROM progress
        WHERE zoom_level BETWEEN 0 AND \(Canvas.maximumZoom)
            AND tile_column BETWEEN -\(1 << 40) AND \(1 << 40) AND tile_row BETWEEN -\(1 << 40) AND \(1 << 40)
        """

    static func progress(_ row: Row) -> Progress {
        let sources: Int64? = row[5]
        return Progress(
            tile: Tile(zoom: row[0], x: row[1], tmsRow: row[2]), done: UInt64(bitPattern: row[3]),
            checksum: UInt64(bitPattern: row[4]), sources: sources.map { UInt64(bitPattern: $0) })
    }

    /// Note all tiles of a cell and their overviews as done, without data.
    func fillProgress(_ cell: Cell, done: UInt64) throws {
        try run {
            try queue.write { db in
                for up in 0...Cell.depth {
                    let side = Cell.side >> Int64(up)
                    let corner = Tile(zoom: cell.zoom - up, x: cell.column * side, y: cell.row * side)
                    try db.execute(
                        sql: """
                            WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
                            INSERT OR REPLACE INTO progress SELECT ?, ? + i % ?, ? - i / ?, ?, 0, NULL FROM n
                            """,
                        arguments: [
                            side * side - 1, corner.zoom, corner.x, side, corner.tmsRow, side,
                            up == 0 ? Int64(bitPattern: done) : -1,
                        ])
                }
            }
        }
    }

    /// Limit the file's size, so that tests can fill it.
    func limit(pages: Int) throws {
        try queue.inDatabase { try $0.execute(sql: "PRAGMA max_page_count = \(pages)") }
    }

    func close() { try? queue.close() }

    func read<Result>(_ body: (Database) throws -> Result) throws -> Result { try run { try queue.read(body) } }

    private func run<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch {
            throw MosaicError.from(error, path: path)
        }
    }
}
