internal import Canvas
public import Foundation
internal import Raster

/// Writes one Cloud Optimized GeoTIFF per cell, through GDAL, and a VRT and a STAC item over them.
///
/// Each file holds the tiles of its cell, cropped to them, and the mosaic's own overviews. A file that is there and was
/// made from the same tiles is left alone, so an interrupted export goes on. RGB where every pixel is there, RGBA where
/// not. Memory: GDAL's cache (96 MiB) and what its encoder threads hold.
public struct COGExporter: Sendable {
    /// How pixels are packed; all but `jpeg` and `webp` keep every value.
    public enum Compression: String, Sendable, CaseIterable {
        case deflate, zstd, lzw, jpeg, webp
    }

    private let mosaic: Mosaic
    private let compression: Compression

    public init(_ mosaic: Mosaic, compression: Compression = .deflate) {
        self.mosaic = mosaic
        self.compression = compression
    }

    /// What there is of one cell.
    private struct Part {
        var name: String
        /// Tiles of the finest zoom.
        var tiles: PixelRect
        /// Changes with any tile.
        var digest: UInt64
    }

    /// Export.
    ///
    /// - Parameter directory: Where to write `cell_Z_X_Y.tif`, `mosaic.vrt` and `stac.json`; created where missing.
    /// - Throws: `MosaicError`, also for a picture without georeference; `CancellationError` where `progress` stops it.
    @discardableResult
    public func export(to directory: URL, progress: ExportProgress = { _, _ in true }) throws -> ExportReport {
        guard mosaic.canvas.surface == .webMercator else {
            throw MosaicError.invalid("\(mosaic.directory.path) has no georeference: export tiff or dzi instead")
        }
        let target = try ExportTarget(directory.appendingPathComponent("cells"))
        let source = try TileSource(mosaic, scratch: target.scratch) { progress(0, 0) }
        let sidecars = Sidecars(mosaic, areas: source.areas)
        var report = ExportReport()
        var parts: [Part] = []
        var done = 0
        for area in source.areas {
            let tiles = try checksums(source, area)
            let cell = Cell(containing: Tile(zoom: mosaic.finestZoom, x: area.x, y: area.y))
            let digest = Mosaic.digest(tiles.map { UInt64($0.tile.x) &* 31 &+ UInt64($0.tile.y) ^ $0.checksum })
            let part = Part(name: "cell_\(cell).tif", tiles: area, digest: digest)
            parts.append(part)
            let path = directory.appendingPathComponent(part.name).path
            let mark = "\(String(digest, radix: 16)) \(compression.rawValue)"
            if GDALExport.metadata(of: path, key: "TESSERA_TILES") == mark {
                report.kept += tiles.count
            } else {
                let before = done
                try write(source, part, to: path, mark: mark, sidecars.provenance) { part in
                    progress(before + Int(part * Double(tiles.count)), source.count)
                }
                report.written += tiles.count
            }
            report.bytes += (try? FileManager.default.attributesOfItem(atPath: path))?[.size] as? Int ?? 0
            done += tiles.count
            guard progress(done, source.count) else { throw CancellationError() }
        }
        let vrt = VirtualMosaic(sidecars, parts.map { ($0.name, $0.tiles) }).xml
        try ExportTarget.write(Array(vrt.utf8), to: directory.appendingPathComponent("mosaic.vrt").path)
        try writeItem(sidecars, parts, to: directory)
        return report
    }

    /// Return the tiles under an area and how often they are halved before they fit a block.
    private func checksums(_ source: TileSource, _ area: PixelRect) throws -> [(tile: Tile, checksum: UInt64)] {
        var tiles: [(Tile, UInt64)] = []
        for up in 0...overviews(area) {
            try source.forEach(zoom: mosaic.finestZoom - up, under: area) { tile, checksum, _ in
                tiles.append((tile, checksum))
            }
        }
        return tiles
    }

    private func overviews(_ area: PixelRect) -> Int {
        var count = 0
        while count < min(Cell.depth, mosaic.finestZoom), max(area.width, area.height) * 256 >> Int64(count) > 512 {
            count += 1
        }
        return count
    }

    /// Collect a cell's tiles in a file that GDAL's MBTiles driver reads, and let GDAL copy it.
    private func write(
        _ source: TileSource, _ part: Part, to path: String, mark: String, _ provenance: Provenance,
        progress: (Double) -> Bool
    ) throws {
        let folder = (path as NSString).deletingLastPathComponent
        let collected = folder + "/." + part.name + ".mbtiles"
        func remove() { for suffix in ["", "-journal", ".aux.xml"] { unlink(collected + suffix) } }
        remove()
        defer { remove() }
        let up = overviews(part.tiles)
        let finest = mosaic.finestZoom
        // GDAL copies every row of the metadata to the TIFF.
        var metadata = provenance.tiff
        metadata["TESSERA_TILES"] = mark
        metadata["name"] = part.name
        metadata["format"] = "png"
        metadata["bounds"] = MosaicExtent(mosaic.canvas, zoom: finest, areas: [part.tiles]).bounds.map { "\($0)" }
            .joined(separator: ",")
        metadata["minzoom"] = "\(finest - up)"
        metadata["maxzoom"] = "\(finest)"
        let archive = try MBTilesArchive(path: collected, metadata: metadata)
        var opaque: Int64 = 0
        for zoom in finest - up...finest {
            try source.forEach(zoom: zoom, under: part.tiles) { tile, checksum, data in
                let data = try data()
                try archive.put(tile, checksum: checksum, data)
                // The colour type of a PNG's header: bit 2 is alpha.
                if zoom == finest, data.count > 25, data[25] & 4 == 0 { opaque += 1 }
            }
        }
        try archive.close()
        try GDALExport.cloudOptimized(
            from: collected, bands: opaque == part.tiles.width * part.tiles.height ? 3 : 4, to: path + ".tmp",
            compression: .init(rawValue: compression.rawValue) ?? .deflate, progress: progress)
        try ExportTarget.rename(path + ".tmp", path)
    }

    private func writeItem(_ sidecars: Sidecars, _ parts: [Part], to directory: URL) throws {
        let geotiff = "image/tiff; application=geotiff; profile=cloud-optimized"
        var assets = [
            "mosaic": (file: "mosaic.vrt", type: "application/xml", roles: ["data"])
        ]
        for part in parts { assets[String(part.name.dropLast(4))] = (part.name, geotiff, ["data"]) }
        try sidecars.writeItem(to: directory.appendingPathComponent("stac.json"), assets: assets)
    }
}

/// A VRT over the files of cells, with an alpha band whether they have one or not.
struct VirtualMosaic {
    private let sidecars: Sidecars
    private let parts: [(name: String, tiles: PixelRect)]

    init(_ sidecars: Sidecars, _ parts: [(name: String, tiles: PixelRect)]) {
        self.sidecars = sidecars
        self.parts = parts
    }

    var xml: String {
        let extent = sidecars.extent
        let side = WindowGeometry.tile
        let corner = extent.metres(extent.tiles)
        let size = WebMercator.resolution(zoom: extent.zoom)
        let metadata = sidecars.provenance.tiff.sorted { $0.key < $1.key }.map {
            "    <MDI key=\"\(TileService.escaped($0.key))\">\(TileService.escaped($0.value))</MDI>"
        }
        let bands = zip(1..., ["Red", "Green", "Blue", "Alpha"]).map { band, colour in
            let sources = parts.map { part in
                let size = "xSize=\"\(part.tiles.width * side)\" ySize=\"\(part.tiles.height * side)\""
                let x = (part.tiles.x - extent.tiles.x) * side
                let y = (part.tiles.y - extent.tiles.y) * side
                // The mask of a file without alpha is 255 everywhere.
                return """
                        <SimpleSource>
                          <SourceFilename relativeToVRT="1">\(part.name)</SourceFilename>
                          <SourceBand>\(band == 4 ? "mask,1" : "\(band)")</SourceBand>
                          <SourceProperties RasterXSize="\(part.tiles.width * side)" \
                    RasterYSize="\(part.tiles.height * side)" DataType="Byte" BlockXSize="512" BlockYSize="512"/>
                          <SrcRect xOff="0" yOff="0" \(size)/>
                          <DstRect xOff="\(x)" yOff="\(y)" \(size)/>
                        </SimpleSource>
                    """
            }
            return """
                  <VRTRasterBand dataType="Byte" band="\(band)">
                    <ColorInterp>\(colour)</ColorInterp>
                \(sources.joined(separator: "\n"))
                  </VRTRasterBand>
                """
        }
        return """
            <VRTDataset rasterXSize="\(extent.tiles.width * side)" rasterYSize="\(extent.tiles.height * side)">
              <SRS>EPSG:3857</SRS>
              <GeoTransform>\(corner.left), \(size), 0, \(corner.top), 0, \(-size)</GeoTransform>
              <Metadata>
            \(metadata.joined(separator: "\n"))
              </Metadata>
            \(bands.joined(separator: "\n"))
            </VRTDataset>

            """
    }
}
