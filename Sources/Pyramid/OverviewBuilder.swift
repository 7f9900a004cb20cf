public import Canvas
internal import Raster

/// Builds the overviews of a level from its tiles: each parent once, when its four children are final.
///
/// A tile of the level is final when its planned cores are stored; an overview when it was built from final children;
/// a tile under which nothing is planned, always. What was stored before counts as planned, so several regions of one
/// mosaic share their overviews, and those touched by a later region are built again.
///
/// Each overview keeps a digest of the children it was made from. That is how `heal` finds what a crash, or a region
/// added since, left missing or out of date.
public final class OverviewBuilder: Sendable {
    private let mosaic: Mosaic
    private let state: OverviewState
    private let zoom: Int

    /// Create the builder of a level; one a level at a time.
    ///
    /// - Parameters:
    ///   - level: The finest level, or 0 for previews of the base map; any other works too.
    ///   - planned: The cores of the level that this job renders.
    public init(mosaic: Mosaic, level: Int, planned: CoreSet) throws {
        guard (0...mosaic.levels).contains(level) else {
            throw MosaicError.invalid("level \(level) is not in 0 … \(mosaic.levels)")
        }
        self.mosaic = mosaic
        zoom = mosaic.canvas.zoom(level: level)
        state = OverviewState(
            canvas: mosaic.canvas, level: level, planned: planned.union(mosaic.doneCores(level: level)))
        mosaic.setOverviews(state)
    }

    /// Build what the cores just stored make final.
    ///
    /// - Parameter cores: Of any level; those of others are ignored.
    /// - Returns: The number of overviews built.
    /// - Throws: As `Mosaic.store`; after an error, `heal` continues.
    @discardableResult
    public func update(after cores: [Core]) throws -> Int {
        let tiles = Set(
            cores.filter { $0.level == state.level }.compactMap { mosaic.canvas.normalized($0) }
                .map { mosaic.canvas.tile(of: $0) })
        return try climb(from: tiles.filter { mosaic.isFinal($0, state) })
    }

    /// Build every overview that is missing or out of date although its children are final.
    ///
    /// - Returns: The number of overviews built.
    /// - Complexity: O(tiles stored); reads progress, and pixels only of what it builds.
    @discardableResult
    public func heal() throws -> Int {
        var built = 0
        var roots: Set<Tile> = []
        for cell in cells() {
            guard mosaic.store.exists(.cell(level: state.level, cell)) else { continue }
            var tiles = finalTiles(in: cell)
            for _ in 0..<min(Cell.depth, zoom) where !tiles.isEmpty {
                let (parents, count) = try buildParents(of: tiles)
                built += count
                tiles = parents
            }
            if zoom > Cell.depth { roots.formUnion(tiles) }
        }
        return built + (try climb(from: roots))
    }

    private func climb(from tiles: Set<Tile>) throws -> Int {
        var tiles = tiles
        var built = 0
        while let first = tiles.first, first.zoom > 0 {
            let (parents, count) = try buildParents(of: tiles)
            built += count
            tiles = parents
        }
        return built
    }

    /// Build the parents of final tiles whose other children are final too; return those that are final now.
    private func buildParents(of tiles: Set<Tile>) throws -> (parents: Set<Tile>, built: Int) {
        let parents = Set(tiles.map(\.parent)).filter { parent in
            parent.children.allSatisfy { mosaic.isFinal($0, state) }
        }
        let ordered = parents.sorted { ($0.y, $0.x) < ($1.y, $1.x) }
        var built = 0
        for start in stride(from: 0, to: ordered.count, by: 64) {
            built += try mosaic.build(Array(ordered[start..<min(start + 64, ordered.count)]), state)
        }
        return (parents, built)
    }

    private func cells() -> [Cell] {
        let side = Cell.side * mosaic.canvas.geometry.coresPerTile
        var cells: Set<Cell> = []
        for row in state.planned.rows {
            for span in state.planned.spans(row: row) {
                for column in span.lowerBound.floorDivided(by: side)...(span.upperBound - 1).floorDivided(by: side) {
                    cells.insert(Cell(zoom: zoom, column: column, row: row.floorDivided(by: side)))
                }
            }
        }
        return cells.sorted { ($0.row, $0.column) < ($1.row, $1.column) }
    }

    private func finalTiles(in cell: Cell) -> Set<Tile> {
        var tiles: Set<Tile> = []
        for y in cell.row * Cell.side..<(cell.row + 1) * Cell.side {
            for x in cell.column * Cell.side..<(cell.column + 1) * Cell.side {
                let tile = Tile(zoom: zoom, x: x, y: y)
                if state.isPlanned(tile), mosaic.isFinal(tile, state) { tiles.insert(tile) }
            }
        }
        return tiles
    }
}
