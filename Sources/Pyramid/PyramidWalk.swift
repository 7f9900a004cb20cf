internal import Canvas
internal import Raster

/// Visits every tile of the finest level and of its overviews, cell by cell and bottom-up, as exports need them.
///
/// A stored overview is taken as it is where it was made from the children that are stored now. Otherwise (the mosaic is
/// still being rendered, or was extended) it is made in memory. Memory is bounded by the overviews of one cell and the
/// roots of all cells.
struct PyramidWalk {
    let mosaic: Mosaic
    private var level: Int { mosaic.levels }

    /// What a tile is at this moment.
    private enum Content {
        /// As stored, with its checksum; 0 is no data.
        case stored(UInt64)
        case made([UInt8])

        var isEmpty: Bool {
            switch self {
            case .stored(let checksum): checksum == 0
            case .made(let data): data.isEmpty
            }
        }
    }

    init(_ mosaic: Mosaic) {
        self.mosaic = mosaic
    }

    private var cells: [Cell] {
        mosaic.store.keys.compactMap { key in
            if case .cell(let level, let cell) = key, level == self.level { return cell }
            return nil
        }.sorted { ($0.row, $0.column) < ($1.row, $1.column) }
    }

    /// The number of tiles to visit, at most.
    func count() throws -> Int {
        var total = 0
        var roots: Set<Tile> = []
        for cell in cells {
            var tiles = Set(try progress(cell).filter { $0.key.zoom == mosaic.finestZoom }.keys)
            total += tiles.count
            for _ in 0..<min(Cell.depth, mosaic.finestZoom) {
                tiles = Set(tiles.map(\.parent))
                total += tiles.count
            }
            roots.formUnion(tiles)
        }
        while let first = roots.first, first.zoom > 0 {
            roots = Set(roots.map(\.parent))
            total += roots.count
        }
        return total
    }

    /// Call `body` with each tile that has data and its PNG.
    func forEach(_ body: (Tile, [UInt8]) throws -> Void) throws {
        var roots: [Tile: Content] = [:]
        for cell in cells {
            let progress = try progress(cell)
            var contents: [Tile: Content] = [:]
            for (tile, row) in progress where tile.zoom == mosaic.finestZoom {
                contents[tile] = .stored(row.checksum)
            }
            try visit(contents, body)
            for _ in 0..<min(Cell.depth, mosaic.finestZoom) {
                contents = try parents(of: contents, progress)
                try visit(contents, body)
            }
            if mosaic.finestZoom > Cell.depth { roots.merge(contents) { $1 } }
        }
        guard let file = try mosaic.store.file(.above(level: level)) ?? nil else {
            return try climb(roots, [:], body)
        }
        var progress: [Tile: CellFile.Progress] = [:]
        try file.forEachProgress { progress[$0.tile] = $0 }
        try climb(roots, progress, body)
    }

    private func climb(
        _ roots: [Tile: Content], _ progress: [Tile: CellFile.Progress], _ body: (Tile, [UInt8]) throws -> Void
    ) throws {
        var contents = roots
        while let first = contents.keys.first, first.zoom > 0 {
            contents = try parents(of: contents, progress)
            try visit(contents, body)
        }
    }

    private func progress(_ cell: Cell) throws -> [Tile: CellFile.Progress] {
        var rows: [Tile: CellFile.Progress] = [:]
        try mosaic.store.file(.cell(level: level, cell))?.forEachProgress { rows[$0.tile] = $0 }
        return rows
    }

    private func visit(_ contents: [Tile: Content], _ body: (Tile, [UInt8]) throws -> Void) throws {
        for tile in contents.keys.sorted(by: { ($0.y, $0.x) < ($1.y, $1.x) }) {
            switch contents[tile] {
            case .made(let data) where !data.isEmpty: try body(tile, data)
            case .stored(let checksum) where checksum != 0:
                if let found = try mosaic.store.file(mosaic.store.key(level: level, tile))?.tile(tile) {
                    try body(tile, found.data)
                }
            default: break
            }
        }
    }

    private func parents(
        of contents: [Tile: Content], _ progress: [Tile: CellFile.Progress]
    ) throws -> [Tile: Content] {
        var result: [Tile: Content] = [:]
        for parent in Set(contents.keys.map(\.parent)) {
            let children = parent.children.map { contents[$0] ?? .stored(0) }
            let checksums = children.map { child -> UInt64? in
                if case .stored(let checksum) = child { return checksum }
                return nil
            }
            if !checksums.contains(nil), let row = progress[parent],
                row.sources == Mosaic.digest(checksums.compactMap { $0 })
            {
                result[parent] = .stored(row.checksum)
                continue
            }
            let pixels = try zip(parent.children, children).map { tile, content -> RGBATile? in
                if content.isEmpty { return nil }
                if case .made(let data) = content { return try RGBATile(png: data) }
                return try mosaic.pixels(level: level, tile)
            }
            let made = LinearLight.parent(of: pixels)
            result[parent] = .made(made.isEmpty ? [] : try made.png(effort: mosaic.effort))
        }
        return result
    }
}
