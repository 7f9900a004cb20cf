/// The address of a 256-pixel tile, XYZ convention: y grows downwards.
public struct Tile: Hashable, Sendable, Codable {
    public var zoom: Int
    public var x: Int64
    public var y: Int64

    public init(zoom: Int, x: Int64, y: Int64) {
        self.zoom = zoom
        self.x = x
        self.y = y
    }

    public var parent: Tile {
        Tile(zoom: zoom - 1, x: x.floorDivided(by: 2), y: y.floorDivided(by: 2))
    }

    /// The four tiles one zoom finer: north-west, north-east, south-west, south-east.
    public var children: [Tile] {
        [(0, 0), (1, 0), (0, 1), (1, 1)].map { Tile(zoom: zoom + 1, x: 2 * x + $0.0, y: 2 * y + $0.1) }
    }

    /// The row as TMS and MBTiles count it: from the south (MBTiles 1.3, "Tiles").
    public var tmsRow: Int64 { (Int64(1) << Int64(zoom)) - 1 - y }

    public init(zoom: Int, x: Int64, tmsRow: Int64) {
        self.init(zoom: zoom, x: x, y: (Int64(1) << Int64(zoom)) - 1 - tmsRow)
    }
}

extension Tile: CustomStringConvertible {
    public var description: String { "\(zoom)/\(x)/\(y)" }
}

/// The address of a cell: 64 × 64 tiles of its finest zoom and the overviews of just those tiles.
public struct Cell: Hashable, Sendable, Codable {
    /// The number of zooms from the finest to the single root tile.
    public static let depth = 6
    /// Tiles along a side at the finest zoom.
    public static let side = Int64(1) << Int64(depth)

    public var zoom: Int
    public var column: Int64
    public var row: Int64

    public init(zoom: Int, column: Int64, row: Int64) {
        self.zoom = zoom
        self.column = column
        self.row = row
    }

    /// Return the cell that holds `tile` at its finest zoom.
    public init(containing tile: Tile) {
        self.init(
            zoom: tile.zoom, column: tile.x.floorDivided(by: Self.side), row: tile.y.floorDivided(by: Self.side))
    }

    /// Return whether `tile`, of the finest zoom or an overview, lies in the cell.
    public func contains(_ tile: Tile) -> Bool {
        let up = Int64(zoom - tile.zoom)
        guard up >= 0, up <= Int64(Self.depth) else { return false }
        let side = Self.side >> up
        return tile.x.floorDivided(by: side) == column && tile.y.floorDivided(by: side) == row
    }
}

extension Cell: CustomStringConvertible {
    public var description: String { "\(zoom)_\(column)_\(row)" }
}
