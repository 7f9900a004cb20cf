public import Canvas
public import Raster

extension Mosaic {
    /// Return the pixels of a rectangle as one picture: RGB where all of them are there, RGBA otherwise.
    ///
    /// - Parameters:
    ///   - rect: Pixels of `zoom`; columns wrap at the antimeridian. 2²⁸ pixels at most.
    ///   - level: The level to read.
    ///   - zoom: That of the level (the default), or a coarser one for its overviews.
    /// - Throws: `MosaicError.invalid` for an empty or oversized rectangle or a zoom finer than the level's.
    public func picture(of rect: PixelRect, level: Int, zoom: Int? = nil) throws -> PNG.Picture {
        guard (0...levels).contains(level), (0...canvas.zoom(level: level)).contains(zoom ?? 0) else {
            throw MosaicError.invalid("no level \(level) with zoom \(zoom ?? 0) in this mosaic of \(levels) levels")
        }
        let bound = Int64(1) << 40
        let (area, overflow) = rect.width.multipliedReportingOverflow(by: rect.height)
        guard rect.width > 0, rect.height > 0, !overflow, area <= 1 << 28, abs(rect.x) < bound, abs(rect.y) < bound
        else {
            throw MosaicError.invalid("a picture of \(rect.width)×\(rect.height) pixels is empty or over 2^28 pixels")
        }
        let rgba = try read(rect, level: level, zoom: zoom)
        let size = (width: Int(rect.width), height: Int(rect.height))
        guard !stride(from: 3, to: rgba.count, by: 4).contains(where: { rgba[$0] != 255 }) else {
            return PNG.Picture(width: size.width, height: size.height, channels: 4, pixels: rgba)
        }
        let rgb = [UInt8](unsafeUninitializedCapacity: rgba.count / 4 * 3) { out, count in
            for index in 0..<rgba.count / 4 {
                for c in 0..<3 { out[3 * index + c] = rgba[4 * index + c] }
            }
            count = rgba.count / 4 * 3
        }
        return PNG.Picture(width: size.width, height: size.height, channels: 3, pixels: rgb)
    }

    /// The zoom of the finest level.
    public var finestZoom: Int { canvas.zoom(level: levels) }
}
