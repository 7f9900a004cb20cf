internal import Canvas
internal import Foundation
internal import GRDB
internal import Raster

extension CellFile {
    /// Test the file as a whole: SQLite's structure, and every tile against its checksum.
    ///
    /// - Throws: `MosaicError.damaged` at the first fault.
    /// - Complexity: O(bytes of the file).
    func check() throws {
        try read { db in
            let verdict = try String.fetchOne(db, sql: "PRAGMA quick_check(1)") ?? "no answer"
            guard verdict == "ok" else { throw MosaicError.damaged(file: path, reason: verdict) }
            let rows = try Row.fetchCursor(
                db,
                sql: """
                    SELECT coalesce(CAST(checksum AS INTEGER), 0), CAST(tile_data AS BLOB), CAST(zoom_level AS INTEGER)
                    FROM progress NATURAL LEFT JOIN tiles
                    """)
            while let row = try rows.next() {
                let data: Data? = row[1]
                let sum = data.map { $0.isEmpty ? 0 : Checksum.of([UInt8]($0)) } ?? 0
                guard sum == UInt64(bitPattern: row[0] as Int64) else {
                    throw MosaicError.damaged(
                        file: path, reason: "a tile of zoom \(row[2] as Int64? ?? -1) does not have its checksum")
                }
            }
        }
    }

    /// Return every tile that can be read and has its checksum, a few at a time; what cannot be read is passed over.
    func salvage(_ body: ([Change]) throws -> Void) throws {
        var seen: Set<Tile> = []
        // Where one direction ends at a page that is gone, the other still has what lies beyond.
        for order in ["ASC", "DESC"] {
            var tiles: [Progress] = []
            _ = try? read { db in
                let rows = try Row.fetchCursor(
                    db,
                    sql: Self.selectProgress + " ORDER BY zoom_level \(order), tile_column \(order), tile_row \(order)")
                while let row = try rows.next() { tiles.append(Self.progress(row)) }
            }
            tiles.removeAll { !seen.insert($0.tile).inserted }
            for start in stride(from: 0, to: tiles.count, by: 64) {
                try body(tiles[start..<min(start + 64, tiles.count)].compactMap(intact))
            }
        }
    }

    private func intact(_ progress: Progress) -> Change? {
        let data: [UInt8]
        if progress.checksum == 0 {
            data = []
        } else {
            guard let found = try? tile(progress.tile), found.checksum == progress.checksum else { return nil }
            data = found.data
        }
        return Change(tile: progress.tile, done: progress.done, data: data, sources: progress.sources)
    }
}
