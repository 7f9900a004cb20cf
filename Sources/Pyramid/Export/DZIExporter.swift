internal import Canvas
public import Foundation
internal import Raster

/// Writes a picture without georeference as Deep Zoom: NAME.dzi and NAME_files/level/column_row.png.
///
/// The picture begins at the canvas's corner and ends with its last pixel; tiles are 256 × 256 without overlap, those at
/// the right and bottom edges are cropped. Where nothing is rendered a tile is transparent, so every tile is there.
/// Run again, it goes on: tiles that are equal are left alone. NAME.dzi is written last.
public struct DZIExporter: Sendable {
    private let mosaic: Mosaic

    public init(_ mosaic: Mosaic) { self.mosaic = mosaic }

    /// Export.
    ///
    /// - Throws: `MosaicError`, also for a georeferenced mosaic; `CancellationError` where `progress` stops it.
    @discardableResult
    public func export(to file: URL, progress: ExportProgress = { _, _ in true }) throws -> ExportReport {
        guard mosaic.canvas.surface != .webMercator else {
            throw MosaicError.invalid("\(mosaic.directory.path) has a georeference: export xyz instead")
        }
        let name = file.deletingPathExtension().lastPathComponent
        let folder = file.deletingLastPathComponent().appendingPathComponent(name + "_files")
        let target = try ExportTarget(folder.appendingPathComponent("tiles"))
        let source = try TileSource(mosaic, scratch: target.scratch) { progress(0, 0) }
        guard let rect = try source.pictureRect() else {
            throw MosaicError.invalid("\(mosaic.directory.path) has nothing rendered yet")
        }
        var writer = DZIWriter(mosaic: mosaic, folder: folder, rect: rect)
        for level in (0...writer.lastLevel).reversed() {
            try writer.write(level, source, progress)
        }
        let description = """
            <?xml version="1.0" encoding="UTF-8"?>
            <Image xmlns="http://schemas.microsoft.com/deepzoom/2008" Format="png" Overlap="0" TileSize="256">
              <Size Width="\(rect.width)" Height="\(rect.height)"/>
            </Image>

            """
        let provenance = try JSONSerialization.data(
            withJSONObject: Provenance(mosaic.description).entries,
            options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
        try ExportTarget.write([UInt8](provenance), to: folder.appendingPathComponent("provenance.json").path)
        try ExportTarget.write(Array(description.utf8), to: file.path)
        return writer.report
    }
}

/// Writes the levels of a Deep Zoom picture, from the finest.
private struct DZIWriter {
    let mosaic: Mosaic
    let folder: URL
    let rect: PixelRect
    var report = ExportReport()
    /// The single tile of a level coarser than zoom 0.
    private var small: RGBATile?

    init(mosaic: Mosaic, folder: URL, rect: PixelRect) {
        self.mosaic = mosaic
        self.folder = folder
        self.rect = rect
    }

    /// Level 0 is one pixel.
    var lastLevel: Int { Int.bitWidth - (Int(max(rect.width, rect.height)) - 1).leadingZeroBitCount }

    private var total: Int {
        (0...lastLevel).reduce(0) { total, level in
            let size = size(level)
            return total + Int(size.width.ceilDivided(by: 256) * size.height.ceilDivided(by: 256))
        }
    }

    private func size(_ level: Int) -> (width: Int64, height: Int64) {
        let side = Int64(1) << Int64(lastLevel - level)
        return (rect.width.ceilDivided(by: side), rect.height.ceilDivided(by: side))
    }

    mutating func write(_ level: Int, _ source: TileSource, _ progress: ExportProgress) throws {
        let path = folder.appendingPathComponent("\(level)").path
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw MosaicError.from(writing: path, error)
        }
        let size = size(level)
        let columns = size.width.ceilDivided(by: 256)
        let rows = size.height.ceilDivided(by: 256)
        let zoom = mosaic.finestZoom - (lastLevel - level)
        guard zoom >= 0 else {
            let tile = LinearLight.parent(of: [small, nil, nil, nil])
            small = tile
            return try put(tile, column: 0, row: 0, size, path, progress)
        }
        for row in 0..<rows {
            var there: Set<Int64> = []
            let strip = PixelRect(x: 0, y: row, width: columns, height: 1)
            try source.forEach(zoom: zoom, within: strip) { tile, _, data in
                let pixels = try RGBATile(png: data())
                if zoom == 0 { small = pixels }
                there.insert(tile.x)
                try put(pixels, column: tile.x, row: row, size, path, progress)
            }
            for column in 0..<columns where !there.contains(column) {
                try put(RGBATile(), column: column, row: row, size, path, progress)
            }
        }
    }

    private mutating func put(
        _ tile: RGBATile, column: Int64, row: Int64, _ size: (width: Int64, height: Int64), _ folder: String,
        _ progress: ExportProgress
    ) throws {
        let path = "\(folder)/\(column)_\(row).png"
        let width = Int(min(256, size.width - column * 256))
        let height = Int(min(256, size.height - row * 256))
        let data: [UInt8]
        if width == RGBATile.side, height == RGBATile.side, !tile.isEmpty {
            data = try mosaic.encode(tile)
        } else {
            let pixels = tile.cropped(width: width, height: height)
            data = try PNG.encode(
                PNG.Picture(width: width, height: height, channels: 4, pixels: pixels), effort: mosaic.effort,
                text: mosaic.tileText)
        }
        if XYZExporter.holds(path, data) {
            report.kept += 1
        } else {
            try ExportTarget.write(data, to: path)
            report.written += 1
        }
        report.bytes += data.count
        guard progress(report.written + report.kept, total) else { throw CancellationError() }
    }
}
