internal import Canvas
internal import Raster

extension TileSource {
    /// Return the tile under the mosaic's pixels that have data: from the canvas's corner for a plane, from the first
    /// tile for a georeferenced mosaic; nil where there are none.
    ///
    /// - Complexity: Reads the tiles of the last column and row on a plane.
    func pictureRect() throws -> PixelRect? {
        let side = WindowGeometry.tile
        guard let first = areas.first else { return nil }
        let tiles = areas.dropFirst().reduce(first) { $0.around($1) }
        let zoom = mosaic.finestZoom
        guard mosaic.canvas.surface != .webMercator else {
            return PixelRect(
                x: tiles.x * side, y: tiles.y * side, width: tiles.width * side, height: tiles.height * side)
        }
        guard tiles.x >= 0, tiles.y >= 0 else {
            throw MosaicError.invalid("the picture has tiles left of or above its corner, tile \(tiles.x), \(tiles.y)")
        }
        var right: Int64 = 0
        var bottom: Int64 = 0
        let lastColumn = PixelRect(x: tiles.x + tiles.width - 1, y: tiles.y, width: 1, height: tiles.height)
        let lastRow = PixelRect(x: tiles.x, y: tiles.y + tiles.height - 1, width: tiles.width, height: 1)
        for edge in [lastColumn, lastRow] {
            try forEach(zoom: zoom, under: edge) { tile, _, data in
                let pixels = try RGBATile(png: data()).pixels
                for index in 0..<RGBATile.side * RGBATile.side where pixels[4 * index + 3] != 0 {
                    right = max(right, tile.x * side + Int64(index % RGBATile.side) + 1)
                    bottom = max(bottom, tile.y * side + Int64(index / RGBATile.side) + 1)
                }
            }
        }
        return PixelRect(x: 0, y: 0, width: right, height: bottom)
    }
}

extension RGBATile {
    /// Return the first columns of the first rows, RGBA.
    func cropped(width: Int, height: Int) -> [UInt8] {
        guard width < Self.side || height < Self.side else { return pixels }
        return (0..<height).flatMap { pixels[$0 * Self.side * 4..<($0 * Self.side + width) * 4] }
    }
}
