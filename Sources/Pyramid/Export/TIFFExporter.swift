internal import Canvas
public import Foundation
internal import Raster

/// Writes the finest level as one tiled TIFF (BigTIFF where it may pass 4 GB), RGBA, DEFLATE with a predictor.
///
/// Without overviews: for programs that take one flat picture. It is written as OUT.tmp and renamed when whole; an
/// interrupted export begins again.
public struct TIFFExporter: Sendable {
    private let mosaic: Mosaic

    public init(_ mosaic: Mosaic) { self.mosaic = mosaic }

    /// Export.
    ///
    /// - Throws: `MosaicError`, also where a side is over 2³¹ pixels; `CancellationError` where `progress` stops it.
    @discardableResult
    public func export(to file: URL, progress: ExportProgress = { _, _ in true }) throws -> ExportReport {
        let target = try ExportTarget(file)
        let source = try TileSource(mosaic, scratch: target.scratch) { progress(0, 0) }
        guard let rect = try source.pictureRect(), rect.width < 1 << 31, rect.height < 1 << 31 else {
            throw MosaicError.invalid(
                source.areas.isEmpty
                    ? "\(mosaic.directory.path) has nothing rendered yet" : "the mosaic is too large for one TIFF")
        }
        var geotransform: [Double]?
        if mosaic.canvas.surface == .webMercator {
            let corner = WebMercator.metres(x: rect.x, y: rect.y, zoom: mosaic.finestZoom)
            let size = WebMercator.resolution(zoom: mosaic.finestZoom)
            geotransform = [corner.x, size, 0, corner.y, 0, -size]
        }
        unlink(target.temporary.path)
        let picture = try GDALExport.TIFF(
            path: target.temporary.path, width: Int(rect.width), height: Int(rect.height), geotransform: geotransform,
            metadata: Provenance(mosaic.description).tiff)
        var report = ExportReport()
        var total = 0
        try source.forEach(zoom: mosaic.finestZoom) { _, _, _ in total += 1 }
        do {
            try source.forEach(zoom: mosaic.finestZoom) { tile, _, data in
                let part = PixelRect(x: tile.x * 256, y: tile.y * 256, width: 256, height: 256).intersection(rect)
                guard !part.isEmpty else { return }
                let pixels = try RGBATile(png: data()).cropped(width: Int(part.width), height: Int(part.height))
                try picture.write(
                    x: Int(part.x - rect.x), y: Int(part.y - rect.y), width: Int(part.width), height: Int(part.height),
                    pixels)
                report.written += 1
                guard progress(report.written, total) else { throw CancellationError() }
            }
        } catch {
            try? picture.close()
            unlink(target.temporary.path)
            throw error
        }
        try picture.close()
        report.bytes = (try? FileManager.default.attributesOfItem(atPath: target.temporary.path))?[.size] as? Int ?? 0
        try target.publish()
        return report
    }
}
