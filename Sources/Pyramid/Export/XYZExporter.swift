internal import Canvas
public import Foundation
internal import Raster

/// Writes a mosaic as a directory of tiles, OUT/z/x/y.png, for every zoom from 0 to the finest.
///
/// Each file is written under another name and renamed, so none is ever half there. Run again, it goes on: files that
/// are equal already are left alone, and those of a mosaic that has grown since are replaced.
public struct XYZExporter: Sendable {
    private let mosaic: Mosaic
    private let isUniform: Bool
    private let address: String?

    /// - Parameters:
    ///   - uniform: Write every tile as RGBA, as readers without palettes need it (GDAL's STACTA).
    ///   - address: Where the directory will be found on the web, for the descriptions; nil is where it is written.
    public init(_ mosaic: Mosaic, uniform: Bool = false, address: String? = nil) {
        self.mosaic = mosaic
        isUniform = uniform
        self.address = address
    }

    /// Export.
    ///
    /// - Parameter directory: Where to write; created where missing.
    /// - Throws: `MosaicError.diskFull`, `.readOnly`, `.io`, `.damaged`; `CancellationError` where `progress` stops it.
    @discardableResult
    public func export(to directory: URL, progress: ExportProgress = { _, _ in true }) throws -> ExportReport {
        let target = try ExportTarget(directory.appendingPathComponent("tiles"))
        let source = try TileSource(mosaic, scratch: target.scratch) { progress(0, 0) }
        var report = ExportReport()
        var folders: Set<String> = []
        for zoom in 0...mosaic.finestZoom {
            try source.forEach(zoom: zoom) { tile, _, data in
                let folder = directory.appendingPathComponent("\(tile.zoom)/\(tile.x)").path
                if folders.insert(folder).inserted {
                    do {
                        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
                    } catch {
                        throw MosaicError.from(writing: folder, error)
                    }
                    if folders.count > 4096 { folders = [folder] }
                }
                let path = "\(folder)/\(tile.y).png"
                let data = try isUniform ? rgba(data()) : data()
                if Self.holds(path, data) {
                    report.kept += 1
                } else {
                    try ExportTarget.write(data, to: path)
                    report.written += 1
                }
                report.bytes += data.count
                guard progress(report.written + report.kept, source.count) else { throw CancellationError() }
            }
        }
        try Sidecars(mosaic, areas: source.areas).writeTileDirectory(to: directory, address: address)
        return report
    }

    private func rgba(_ data: [UInt8]) throws -> [UInt8] {
        let picture = PNG.Picture(
            width: RGBATile.side, height: RGBATile.side, channels: 4, pixels: try RGBATile(png: data).pixels)
        return try PNG.encode(picture, effort: mosaic.effort, text: mosaic.tileText)
    }

    static func holds(_ path: String, _ data: [UInt8]) -> Bool {
        var info = stat()
        guard stat(path, &info) == 0, info.st_size == data.count else { return false }
        return FileManager.default.contents(atPath: path).map { $0.elementsEqual(data) } ?? false
    }
}
