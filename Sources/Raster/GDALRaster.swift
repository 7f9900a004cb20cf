internal import CGDAL
internal import Foundation

/// An open raster, with a transformer between its pixels and longitude/latitude where it has a georeference.
///
/// GDAL's handles must not be used by two threads at once, hence the lock and `@unchecked Sendable`: every use of
/// `dataset` and `transformer` after `init` holds it.
final class GDALRaster: @unchecked Sendable {
    let path: String
    let width: Int
    let height: Int
    let bands: BandLayout
    /// Files GDAL reads the raster from, in name order.
    let files: [String]
    /// Pixels around the world where x wraps (geographic and cylindrical systems), or nil.
    let period: Double?
    var isGeoreferenced: Bool { transformer != nil }

    private let dataset: GDALDatasetH
    private let transformer: UnsafeMutableRawPointer?
    private let lock = NSLock()

    init(path: String) throws {
        let opened = GDALLog.capture { GDALOpenEx(path, tessera_gdal_open_flags(), nil, nil, nil) }
        guard let dataset = opened.value else {
            throw RasterError.open(path: path, reason: Self.openHint(path: path, log: opened.log))
        }
        do {
            let described = try GDALLog.capture { try Self.describe(dataset, path: path) }.value
            self.path = path
            self.dataset = dataset
            width = described.width
            height = described.height
            bands = described.bands
            files = described.files
            transformer = described.transformer
            period = described.period
        } catch {
            _ = GDALLog.capture { GDALClose(dataset) }
            throw error
        }
    }

    deinit {
        _ = GDALLog.capture {
            if let transformer { GDALDestroyGenImgProjTransformer(transformer) }
            GDALClose(dataset)
        }
    }

    /// Transform points in place; what has no counterpart becomes NaN.
    ///
    /// - Parameter toSource: From longitude/latitude in degrees to pixel/line, or back.
    func transform(_ x: inout [Double], _ y: inout [Double], toSource: Bool) {
        var z = [Double](repeating: 0, count: x.count)
        var success = [Int32](repeating: 0, count: x.count)
        lock.lock()
        defer { lock.unlock() }
        _ = GDALLog.capture {
            GDALGenImgProjTransform(transformer, toSource ? 1 : 0, Int32(x.count), &x, &y, &z, &success)
        }
        for index in x.indices where success[index] == 0 || !x[index].isFinite || !y[index].isFinite {
            x[index] = .nan
            y[index] = .nan
        }
    }

    /// Read a rectangle of pixels as RGBA into rows of `stride` bytes; alpha is the validity, 0 … 255.
    ///
    /// - Throws: `RasterError.read` where GDAL reports a failure.
    func read(x: Int, y: Int, width: Int, height: Int, into out: UnsafeMutablePointer<UInt8>, stride: Int) throws {
        lock.lock()
        defer { lock.unlock() }
        let (ok, log) = GDALLog.capture { () -> Bool in
            func read(_ band: GDALRasterBandH?, _ offset: Int) -> Bool {
                guard let band else { return false }
                return GDALRasterIOEx(
                    band, GF_Read, Int32(x), Int32(y), Int32(width), Int32(height), out + offset, Int32(width),
                    Int32(height), GDT_Byte, 4, GSpacing(stride), nil) == CE_None
            }
            for (offset, band) in bands.colours.enumerated() {
                guard read(GDALGetRasterBand(dataset, Int32(band)), offset) else { return false }
            }
            switch bands.validity {
            case .all: break
            case .dataset(let band):
                return read(GDALGetMaskBand(GDALGetRasterBand(dataset, Int32(band))), 3)
            case .nodata(let list):
                var mask = [UInt8](repeating: 0, count: width * height)
                for row in 0..<height {
                    for column in 0..<width { out[row * stride + 4 * column + 3] = 0 }
                }
                for band in list {
                    let done = GDALRasterIOEx(
                        GDALGetMaskBand(GDALGetRasterBand(dataset, Int32(band))), GF_Read, Int32(x), Int32(y),
                        Int32(width), Int32(height), &mask, Int32(width), Int32(height), GDT_Byte, 1,
                        GSpacing(width), nil)
                    guard done == CE_None else { return false }
                    for row in 0..<height {
                        for column in 0..<width {
                            out[row * stride + 4 * column + 3] |= mask[row * width + column]
                        }
                    }
                }
            }
            return true
        }
        guard ok, log.failures.isEmpty else {
            throw RasterError.read(path: path, reason: "\(log.text) (columns \(x)…, rows \(y)…: a damaged file?)")
        }
        for row in 0..<height {
            bands.expand(UnsafeMutableBufferPointer(start: out + row * stride, count: 4 * width))
        }
    }

    private static func openHint(path: String, log: GDALLog) -> String {
        if !path.hasPrefix("/vsi"), !path.contains(":"), !FileManager.default.fileExists(atPath: path) {
            return "no such file"
        }
        return log.text
    }
}
