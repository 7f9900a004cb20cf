internal import Canvas
package import Raster

/// What measurements need of a mosaic and nothing else does.
extension Mosaic {
    /// Return every tile and overview that is stored, decoded.
    package func storedPictures() throws -> [RGBATile] {
        var pictures: [RGBATile] = []
        for key in store.keys {
            guard let file = try store.file(key) else { continue }
            var tiles: [Tile] = []
            try file.forEachProgress { tiles.append($0.tile) }
            for tile in tiles {
                if let data = try file.tile(tile)?.data { pictures.append(try RGBATile(png: data)) }
            }
        }
        return pictures
    }

    /// Note every core of some whole cells as done, overviews included, without any pixels.
    package func fillProgress(level: Int, columns: Range<Int64>, rows: Range<Int64>) throws {
        let zoom = canvas.zoom(level: level)
        for row in rows {
            for column in columns {
                let cell = Cell(zoom: zoom, column: column, row: row)
                try store.file(.cell(level: level, cell), creating: true)?
                    .fillProgress(cell, done: canvas.geometry.allCores)
            }
        }
    }
}
