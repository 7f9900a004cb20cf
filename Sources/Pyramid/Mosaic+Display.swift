internal import Canvas
public import Foundation
internal import Raster

/// A tile to show.
public struct TileData: Sendable, Hashable {
    /// PNG, 256 × 256, RGB where opaque and RGBA where not.
    public var png: Data
    /// Names the bytes: equal tags, equal tiles.
    public var tag: UInt64
    /// Whether nothing planned will change the tile any more; otherwise it is a preview.
    public var isFinal: Bool

    /// `tag` as the value of an HTTP ETag header.
    public var etag: String { "\"\(String(tag, radix: 16))\"" }
}

extension Mosaic {
    /// Return the best there is for a tile of any zoom from 0 to the finest, or nil where there is nothing.
    ///
    /// The finest level's tile, or its overview, once it is final. Before that, what is stored of it, and below that the
    /// coarser levels of the cascade, magnified where they must be. With an `OverviewBuilder` at work there is nothing
    /// where nothing is planned; without one, whatever is stored counts as final.
    /// - Parameters:
    ///   - x: Wraps at the antimeridian.
    ///   - y: From the north; beyond the poles' limit there is nothing.
    /// - Throws: `MosaicError`.
    public func tile(zoom: Int, x: Int64, y: Int64) throws -> TileData? {
        guard zoom >= 0, zoom <= canvas.zoom(level: levels), abs(x) < 1 << 40, abs(y) < 1 << 40 else { return nil }
        var tile = Tile(zoom: zoom, x: x, y: y)
        if canvas.surface == .webMercator {
            let count = Int64(1) << Int64(zoom)
            guard y >= 0, y < count else { return nil }
            tile.x = x.wrapped(modulo: count)
        }
        let state = overviews(level: levels)
        if let state, !state.isPlanned(tile) { return nil }
        let stored = try store.file(store.key(level: levels, tile))?.tile(tile)
        if state.map({ isFinal(tile, $0) }) ?? (stored != nil) {
            return stored.map { TileData(png: Data($0.data), tag: $0.checksum, isFinal: true) }
        }
        guard let preview = try preview(tile), !preview.isEmpty else { return nil }
        let png = try preview.png(effort: .fast, text: tileText)
        return TileData(png: Data(png), tag: Checksum.of(png), isFinal: false)
    }

    /// Lay what each level holds of a tile over what the next coarser one does.
    private func preview(_ tile: Tile) throws -> RGBATile? {
        var result: RGBATile?
        for level in stride(from: levels, through: 0, by: -1) {
            let zoom = canvas.zoom(level: level)
            let layer: RGBATile?
            if zoom >= tile.zoom {
                layer = try pixels(level: level, tile)
            } else {
                let up = Int64(tile.zoom - zoom)
                let side = Int64(1) << up
                let ancestor = Tile(
                    zoom: zoom, x: tile.x.floorDivided(by: side), y: tile.y.floorDivided(by: side))
                layer = try pixels(level: level, ancestor).map {
                    Self.magnified($0, x: tile.x.wrapped(modulo: side), y: tile.y.wrapped(modulo: side), by: side)
                }
            }
            guard let layer else { continue }
            if let top = result {
                result = Self.laid(top, over: layer)
            } else {
                result = layer
            }
            if result?.isOpaque == true { break }
        }
        return result
    }

    /// Return part (x, y) of the `count` × `count` parts of a tile, magnified to a whole tile.
    private static func magnified(_ tile: RGBATile, x: Int64, y: Int64, by count: Int64) -> RGBATile {
        let side = WindowGeometry.tile
        var result = RGBATile()
        result.withPixels { out in
            for row in 0..<side {
                for column in 0..<side {
                    let from = 4 * Int((y * side + row) / count * side + (x * side + column) / count)
                    let to = 4 * Int(row * side + column)
                    for c in 0..<4 { out[to + c] = tile.pixels[from + c] }
                }
            }
        }
        return result
    }

    private static func laid(_ top: RGBATile, over bottom: RGBATile) -> RGBATile {
        var result = top
        result.withPixels { out in
            for index in stride(from: 0, to: out.count, by: 4) where out[index + 3] < 255 {
                if out[index + 3] < bottom.pixels[index + 3] {
                    for c in 0..<4 { out[index + c] = bottom.pixels[index + c] }
                }
            }
        }
        return result
    }
}
