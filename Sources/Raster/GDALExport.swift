internal import CGDAL
internal import Foundation

/// Writes rasters through GDAL.
package enum GDALExport {
    /// How pixels are packed in a Cloud Optimized GeoTIFF.
    package enum Compression: String, Sendable, CaseIterable {
        case deflate, zstd, lzw, jpeg, webp

        var options: [String] {
            switch self {
            case .deflate, .zstd, .lzw: ["COMPRESS=\(rawValue.uppercased())", "PREDICTOR=2"]
            case .jpeg: ["COMPRESS=JPEG", "QUALITY=90"]
            case .webp: ["COMPRESS=WEBP", "QUALITY=100"]
            }
        }
    }

    /// Return a metadata item of a raster; nil where there is no such file or item.
    package static func metadata(of path: String, key: String) -> String? {
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        return GDALLog.capture {
            guard let dataset = GDALOpenEx(path, tessera_gdal_open_flags(), nil, nil, nil) else { return nil }
            defer { GDALClose(dataset) }
            return GDALGetMetadataItem(dataset, key, nil).map { String(cString: $0) }
        }.value
    }

    /// Copy a raster with its overviews and metadata to a Cloud Optimized GeoTIFF.
    ///
    /// - Parameters:
    ///   - bands: 3, or 4 where the last is alpha.
    ///   - progress: Called with the part done, 0 … 1; false stops.
    /// - Throws: `RasterError.write`; `CancellationError` where `progress` stops it.
    package static func cloudOptimized(
        from source: String, bands: Int, to path: String, compression: Compression,
        progress: (Double) -> Bool
    ) throws {
        var stopped = false
        let (ok, log) = GDALLog.capture { () -> Bool in
            withStrings(["BAND_COUNT=\(bands)", "USE_BOUNDS=YES"]) { openOptions in
                let list = UnsafeRawPointer(openOptions)?.assumingMemoryBound(to: UnsafePointer<CChar>?.self)
                guard let dataset = GDALOpenEx(source, tessera_gdal_open_flags(), nil, list, nil) else { return false }
                defer { GDALClose(dataset) }
                let options = compression.options + ["BIGTIFF=YES", "OVERVIEWS=AUTO", "NUM_THREADS=ALL_CPUS"]
                return withStrings(options) { options in
                    withoutActuallyEscaping(progress) { progress in
                        var call = { (part: Double) -> Bool in
                            if progress(part) { return true }
                            stopped = true
                            return false
                        }
                        let copy = withUnsafeMutablePointer(to: &call) { context in
                            GDALCreateCopy(
                                GDALGetDriverByName("COG"), path, dataset, 0, options,
                                { part, _, context in
                                    context?.assumingMemoryBound(to: ((Double) -> Bool).self).pointee(part) == true
                                        ? 1 : 0
                                }, context)
                        }
                        guard let copy else { return false }
                        GDALClose(copy)
                        return true
                    }
                }
            }
        }
        if stopped { throw CancellationError() }
        guard ok, log.failures.isEmpty else { throw RasterError.write(path: path, reason: log.text) }
    }

    private static func withStrings<Result>(
        _ strings: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> Result
    ) -> Result {
        var list: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
        for string in strings { list = CSLAddString(list, string) }
        defer { CSLDestroy(list) }
        return body(list)
    }

    /// A tiled TIFF that is written block by block.
    package final class TIFF {
        private let dataset: GDALDatasetH
        private let path: String

        /// - Throws: `RasterError.write`.
        package init(path: String, width: Int, height: Int, geotransform: [Double]?, metadata: [String: String]) throws
        {
            self.path = path
            let options = [
                "TILED=YES", "BLOCKXSIZE=256", "BLOCKYSIZE=256", "COMPRESS=DEFLATE", "PREDICTOR=2", "ZLEVEL=6",
                "BIGTIFF=IF_SAFER", "NUM_THREADS=ALL_CPUS", "ALPHA=UNSPECIFIED", "PHOTOMETRIC=RGB", "SPARSE_OK=TRUE",
            ]
            let (made, log) = GDALLog.capture { () -> GDALDatasetH? in
                withStrings(options) { options in
                    guard
                        let dataset = GDALCreate(
                            GDALGetDriverByName("GTiff"), path, Int32(width), Int32(height), 4, GDT_Byte, options)
                    else { return nil }
                    for (key, value) in metadata { GDALSetMetadataItem(dataset, key, value, nil) }
                    GDALSetRasterColorInterpretation(GDALGetRasterBand(dataset, 4), GCI_AlphaBand)
                    if var transform = geotransform, transform.count == 6 {
                        GDALSetGeoTransform(dataset, &transform)
                        let system = OSRNewSpatialReference(nil)
                        OSRImportFromEPSG(system, 3857)
                        GDALSetSpatialRef(dataset, system)
                        OSRDestroySpatialReference(system)
                    }
                    return dataset
                }
            }
            guard let made, log.failures.isEmpty else { throw RasterError.write(path: path, reason: log.text) }
            dataset = made
        }

        /// Write RGBA pixels, 256 × 256 or what is left of that at the right and bottom edges.
        package func write(x: Int, y: Int, width: Int, height: Int, _ pixels: [UInt8]) throws {
            let (status, log) = GDALLog.capture {
                var pixels = pixels
                var bands: [Int32] = [1, 2, 3, 4]
                return GDALDatasetRasterIOEx(
                    dataset, GF_Write, Int32(x), Int32(y), Int32(width), Int32(height), &pixels, Int32(width),
                    Int32(height), GDT_Byte, 4, &bands, 4, GSpacing(4 * width), 1, nil)
            }
            guard status == CE_None, log.failures.isEmpty else {
                throw RasterError.write(path: path, reason: log.text)
            }
        }

        package func close() throws {
            let (_, log) = GDALLog.capture { GDALClose(dataset) }
            guard log.failures.isEmpty else { throw RasterError.write(path: path, reason: log.text) }
        }
    }
}
