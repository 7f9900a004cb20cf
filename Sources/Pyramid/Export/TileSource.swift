internal import Canvas
internal import Foundation
internal import Raster

/// The tiles of the finest level and their overviews, as exports read them.
///
/// Stored overviews are taken where they were made from the children that are stored now. The others (the mosaic is
/// still being rendered, or was extended) are made first, in a scratch file. Memory is bounded by the checksums of one
/// cell and of the roots of all cells.
final class TileSource {
    let mosaic: Mosaic
    /// The number of tiles with data, overviews included.
    private(set) var count = 0
    /// Where there are tiles with data at the finest zoom: a rectangle of tiles in each cell.
    private(set) var areas: [PixelRect] = []

    private var level: Int { mosaic.levels }
    private var finest: Int { mosaic.finestZoom }
    private let scratch: URL
    private var made: CellFile?

    /// Look through the mosaic, and make the overviews that it lacks.
    ///
    /// - Parameters:
    ///   - scratch: A file for those; removed with the object.
    ///   - proceed: Asked now and then; false stops with `CancellationError`.
    /// - Throws: `MosaicError.damaged` where a file of the mosaic cannot be read: an export would lack its tiles.
    init(_ mosaic: Mosaic, scratch: URL, proceed: () -> Bool) throws {
        self.mosaic = mosaic
        self.scratch = scratch
        Self.remove(scratch)
        if let file = mosaic.damaged.first { throw MosaicError.damaged(file: file.path, reason: file.reason) }
        try complete(proceed)
    }

    deinit {
        made?.close()
        Self.remove(scratch)
    }

    private static func remove(_ url: URL) {
        for suffix in ["", "-journal"] { try? FileManager.default.removeItem(atPath: url.path + suffix) }
    }

    private lazy var cells: [Cell] = mosaic.store.keys.compactMap { key in
        if case .cell(let level, let cell) = key, level == self.level { return cell }
        return nil
    }

    // MARK: - Reading

    typealias Visit = (Tile, _ checksum: UInt64, _ data: () throws -> [UInt8]) throws -> Void

    /// Call `body` with every tile of a zoom that has data, in the order of the Hilbert curve.
    func forEach(zoom: Int, _ body: Visit) throws {
        let bound = max(Int64(1) << Int64(zoom), Int64(1) << 32)
        try forEach(
            zoom: zoom, within: PixelRect(x: -bound, y: -bound, width: 2 * bound, height: 2 * bound), body)
    }

    /// Call `body` with the tiles of a zoom that touch a rectangle of tiles of the finest zoom.
    func forEach(zoom: Int, under area: PixelRect, _ body: Visit) throws {
        let side = Int64(1) << Int64(finest - zoom)
        let x = area.x.floorDivided(by: side)
        let y = area.y.floorDivided(by: side)
        let rect = PixelRect(
            x: x, y: y, width: (area.x + area.width).ceilDivided(by: side) - x,
            height: (area.y + area.height).ceilDivided(by: side) - y)
        try forEach(zoom: zoom, within: rect, body)
    }

    /// Call `body` with the tiles of a zoom in a rectangle of such tiles, cell by cell.
    func forEach(zoom: Int, within rect: PixelRect, _ body: Visit) throws {
        let up = finest - zoom
        guard up <= Cell.depth else {
            return try visit(zoom: zoom, rect, key: .above(level: level), body)
        }
        let side = Cell.side >> Int64(up)
        let touched = cells.compactMap { cell -> (cell: Cell, part: PixelRect)? in
            let part = PixelRect(x: cell.column * side, y: cell.row * side, width: side, height: side)
                .intersection(rect)
            return part.isEmpty ? nil : (cell, part)
        }
        for (cell, part) in touched.sorted(by: { Self.place($0.cell) < Self.place($1.cell) }) {
            try visit(zoom: zoom, part, key: .cell(level: level, cell), body)
        }
    }

    /// The place on the Hilbert curve of a grid of 2^order × 2^order; what lies outside of it comes later.
    private static func place(x: Int64, y: Int64, order: Int) -> (Int, UInt64) {
        let count = Int64(1) << Int64(order)
        if x >= 0, x < count, y >= 0, y < count { return (0, Hilbert.index(x: x, y: y, order: order)) }
        let quadrant = 1 + (x < 0 ? 1 : 0) + (y < 0 ? 2 : 0)
        return (quadrant, Hilbert.index(x: x < 0 ? -1 - x : x, y: y < 0 ? -1 - y : y, order: 31))
    }

    private static func place(_ cell: Cell) -> (Int, UInt64) {
        place(x: cell.column, y: cell.row, order: max(0, cell.zoom - Cell.depth))
    }

    private func visit(zoom: Int, _ rect: PixelRect, key: CellStore.Key, _ body: Visit) throws {
        var found: [Tile: (checksum: UInt64, file: CellFile)] = [:]
        for file in [try mosaic.store.file(key), made].compactMap({ $0 }) {
            try file.forEachProgress(zoom: zoom, columns: rect.columns, rows: rect.rows) { row in
                found[row.tile] = row.checksum == 0 ? nil : (row.checksum, file)
            }
        }
        let ordered = found.keys.map { (tile: $0, place: Self.place(x: $0.x, y: $0.y, order: zoom)) }
            .sorted { $0.place < $1.place }
        for (tile, _) in ordered {
            guard let (checksum, file) = found[tile] else { continue }
            try body(tile, checksum) {
                guard let data = try file.tile(tile)?.data else {
                    throw MosaicError.damaged(file: file.path, reason: "tile \(tile) vanished while it was read")
                }
                return data
            }
        }
    }

    // MARK: - Overviews that are not there yet

    private func complete(_ proceed: () -> Bool) throws {
        var roots: [Tile: UInt64] = [:]
        for cell in cells.sorted(by: { ($0.row, $0.column) < ($1.row, $1.column) }) {
            guard proceed() else { throw CancellationError() }
            var rows: [Tile: CellFile.Progress] = [:]
            try mosaic.store.file(.cell(level: level, cell))?.forEachProgress { rows[$0.tile] = $0 }
            var tiles = rows.filter { $0.key.zoom == finest }.mapValues(\.checksum)
            addArea(tiles)
            for _ in 0..<min(Cell.depth, finest) {
                count(tiles)
                tiles = try parents(of: tiles, rows)
            }
            if finest > Cell.depth { roots.merge(tiles) { $1 } } else { count(tiles) }
        }
        var rows: [Tile: CellFile.Progress] = [:]
        try mosaic.store.file(.above(level: level))?.forEachProgress { rows[$0.tile] = $0 }
        while let zoom = roots.keys.first?.zoom {
            count(roots)
            if zoom == 0 { break }
            roots = try parents(of: roots, rows)
        }
    }

    private func count(_ tiles: [Tile: UInt64]) { count += tiles.values.count { $0 != 0 } }

    private func addArea(_ tiles: [Tile: UInt64]) {
        let there = tiles.filter { $0.value != 0 }.keys
        guard let left = there.map(\.x).min(), let right = there.map(\.x).max(), let top = there.map(\.y).min(),
            let bottom = there.map(\.y).max()
        else { return }
        areas.append(PixelRect(x: left, y: top, width: right - left + 1, height: bottom - top + 1))
    }

    /// Return the checksums of the parents of tiles of one zoom; make those that are missing or out of date.
    private func parents(of tiles: [Tile: UInt64], _ rows: [Tile: CellFile.Progress]) throws -> [Tile: UInt64] {
        var result: [Tile: UInt64] = [:]
        var changes: [CellFile.Change] = []
        for parent in Set(tiles.keys.map(\.parent)) {
            let sources = Mosaic.digest(parent.children.map { tiles[$0] ?? 0 })
            if let row = rows[parent], row.sources == sources {
                result[parent] = row.checksum
                continue
            }
            let pixels = try parent.children.map { child in
                (tiles[child] ?? 0) == 0 ? nil : try self.pixels(child)
            }
            let change = CellFile.Change(
                tile: parent, done: .max, data: try mosaic.encode(LinearLight.parent(of: pixels)), sources: sources)
            result[parent] = change.checksum
            changes.append(change)
        }
        guard !changes.isEmpty else { return result }
        if made == nil { made = try CellFile(path: scratch.path, mode: .create([:])) }
        try made?.write(changes)
        return result
    }

    private func pixels(_ tile: Tile) throws -> RGBATile? {
        if let data = try made?.tile(tile)?.data { return try RGBATile(png: data) }
        return try mosaic.pixels(level: level, tile)
    }
}
