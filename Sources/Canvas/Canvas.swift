import Foundation

/// The unbounded pixel grid of every level of a mosaic.
///
/// Level k is zoom `baseZoom + 2k`. On the world surface that is WebMercatorQuad (OGC 17-083r4, annex D.1): x wraps
/// at the antimeridian and y ends at ±85.0511°. A plane (a picture without georeference) neither wraps nor ends.
public struct Canvas: Hashable, Sendable, Codable {
    public enum Surface: Hashable, Sendable, Codable {
        case webMercator
        /// A plain picture; the ground resolution of level 0 in metres per pixel is what the model is told.
        case plane(metresPerPixel: Double)
    }

    public let surface: Surface
    public let baseZoom: Int
    public let geometry: WindowGeometry

    /// The finest zoom a canvas may have: pixel coordinates then stay below 2³⁸.
    public static let maximumZoom = 30

    public init(surface: Surface, baseZoom: Int, geometry: WindowGeometry = .standard) {
        self.surface = surface
        self.baseZoom = baseZoom
        self.geometry = geometry
    }

    private enum CodingKeys: CodingKey { case surface, baseZoom, geometry }

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        surface = try values.decode(Surface.self, forKey: .surface)
        baseZoom = try values.decode(Int.self, forKey: .baseZoom)
        geometry = try values.decode(WindowGeometry.self, forKey: .geometry)
        guard (0...Self.maximumZoom).contains(baseZoom) else {
            throw DecodingError.dataCorruptedError(
                forKey: .baseZoom, in: values,
                debugDescription: "base zoom \(baseZoom) is not in 0 … \(Self.maximumZoom)")
        }
        if case .plane(let metres) = surface, !(metres > 0 && metres.isFinite) {
            throw DecodingError.dataCorruptedError(
                forKey: .surface, in: values, debugDescription: "\(metres) metres per pixel is not above 0")
        }
    }

    public func zoom(level: Int) -> Int { baseZoom + 2 * level }

    /// Return the pixels around the world at a level, or nil on a plane.
    public func worldWidth(level: Int) -> Int64? {
        surface == .webMercator ? WindowGeometry.tile << Int64(zoom(level: level)) : nil
    }

    /// Return the cores around the world at a level, or nil on a plane.
    public func worldCores(level: Int) -> Int64? {
        worldWidth(level: level).map { $0 / geometry.core }
    }

    /// Return `core` with its column wrapped at the antimeridian; nil beyond the poles' limit.
    public func normalized(_ core: Core) -> Core? {
        guard let count = worldCores(level: core.level) else { return core }
        guard core.row >= 0, core.row < count else { return nil }
        return Core(level: core.level, column: core.column.wrapped(modulo: count), row: core.row)
    }

    /// Return the 1 … 4 cores of the next coarser level that hold the condition of `core`'s window.
    public func parents(of core: Core) -> [Core] {
        addresses(
            level: core.level - 1,
            columns: geometry.parentRange(of: core.column..<core.column + 1),
            rows: geometry.parentRange(of: core.row..<core.row + 1))
    }

    /// Return the cores of the next finer level whose conditions touch `core`'s pixels.
    public func children(of core: Core) -> [Core] {
        addresses(
            level: core.level + 1,
            columns: geometry.childRange(of: core.column),
            rows: geometry.childRange(of: core.row))
    }

    private func addresses(level: Int, columns: Range<Int64>, rows: Range<Int64>) -> [Core] {
        var result: [Core] = []
        for row in rows {
            for column in columns {
                if let core = normalized(Core(level: level, column: column, row: row)), !result.contains(core) {
                    result.append(core)
                }
            }
        }
        return result
    }

    /// Call `body` for each of `children(of:)`, without making a list.
    package func forEachChild(of core: Core, _ body: (Core) -> Void) {
        let count = worldCores(level: core.level + 1)
        if let count, count < 8 { return children(of: core).forEach(body) }
        for row in geometry.childRange(of: core.row) where count.map({ row >= 0 && row < $0 }) ?? true {
            for column in geometry.childRange(of: core.column) {
                body(
                    Core(
                        level: core.level + 1, column: count.map { column.wrapped(modulo: $0) } ?? column, row: row))
            }
        }
    }

    /// Call `body` for each of `parents(of:)`, without making a list; one may come twice around a narrow world.
    package func forEachParent(of core: Core, _ body: (Core) -> Void) {
        guard core.level > 0 else { return }
        let count = worldCores(level: core.level - 1)
        for row in geometry.parentRange(of: core.row..<core.row + 1) where count.map({ row >= 0 && row < $0 }) ?? true {
            for column in geometry.parentRange(of: core.column..<core.column + 1) {
                body(
                    Core(
                        level: core.level - 1, column: count.map { column.wrapped(modulo: $0) } ?? column, row: row))
            }
        }
    }

    /// Return the tile that a core lies in.
    public func tile(of core: Core) -> Tile {
        let side = geometry.coresPerTile
        return Tile(
            zoom: zoom(level: core.level),
            x: core.column.floorDivided(by: side), y: core.row.floorDivided(by: side))
    }

    /// Return the cores of a tile in row order.
    public func cores(of tile: Tile, level: Int) -> [Core] {
        let side = geometry.coresPerTile
        return (0..<side).flatMap { row in
            (0..<side).map { Core(level: level, column: tile.x * side + $0, row: tile.y * side + row) }
        }
    }

    /// Return log₂ of the ground resolution, in metres per pixel, at the centre of a core.
    ///
    /// It depends on the row alone, and is rounded to 1/256 (0.3 %), far coarser than what mathematics libraries
    /// may disagree by, so that every machine tells the model the same number.
    public func log2Resolution(of core: Core) -> Double {
        let metres: Double
        switch surface {
        case .plane(let base):
            metres = base / pow(4, Double(core.level))
        case .webMercator:
            let rect = geometry.coreRect(core)
            let y = Double(rect.y) + Double(rect.height) / 2
            let zoom = zoom(level: core.level)
            metres = WebMercator.resolution(zoom: zoom) / cosh(WebMercator.angle(pixel: y, zoom: zoom))
        }
        return (log2(metres) * 256).rounded() / 256
    }
}
