import Canvas
import Foundation
import Pyramid
import Raster

/// The map upsampled by bicubic interpolation: what a mosaic is compared with.
enum Upsampling {
    /// Return level 0 under a rectangle of a grid `factor` times finer, RGBA.
    ///
    /// Keys' cubic convolution with a = −1/2 (IEEE Trans. ASSP 29(6), 1981), pixel centres aligned, colours weighted by
    /// alpha. The work is O(16 · pixels).
    static func bicubic(of mosaic: Mosaic, rect: PixelRect, factor: Int64) throws -> PNG.Picture {
        let reach: Int64 = 2
        let left = rect.x.quotient(factor) - reach
        let top = rect.y.quotient(factor) - reach
        let source = PixelRect(
            x: left, y: top, width: (rect.x + rect.width - 1).quotient(factor) + reach + 1 - left,
            height: (rect.y + rect.height - 1).quotient(factor) + reach + 1 - top)
        let map = try mosaic.picture(of: source, level: 0).rgba()
        let columns = (0..<rect.width).map { Tap(rect.x + $0, factor: factor, origin: left, size: source.width) }
        let rows = (0..<rect.height).map { Tap(rect.y + $0, factor: factor, origin: top, size: source.height) }
        var pixels: [UInt8] = []
        pixels.reserveCapacity(columns.count * rows.count * 4)
        for row in rows {
            // The rows are mixed first: one line of the map, then along it.
            var line = [Float](repeating: 0, count: Int(source.width) * 4)
            for (weight, y) in zip(row.weights, row.places) {
                for x in 0..<Int(source.width) {
                    let at = 4 * (y * Int(source.width) + x)
                    let alpha = weight * Float(map[at + 3])
                    for c in 0..<3 { line[4 * x + c] += alpha * Float(map[at + c]) }
                    line[4 * x + 3] += alpha
                }
            }
            for column in columns {
                var sums = SIMD4<Float>(repeating: 0)
                for (weight, x) in zip(column.weights, column.places) {
                    sums += weight * SIMD4(line[4 * x], line[4 * x + 1], line[4 * x + 2], line[4 * x + 3])
                }
                let alpha = sums.w
                for c in 0..<3 { pixels.append(alpha > 0.5 ? clamped(sums[c] / alpha) : 0) }
                pixels.append(clamped(alpha))
            }
        }
        return PNG.Picture(width: columns.count, height: rows.count, channels: 4, pixels: pixels)
    }

    private static func clamped(_ value: Float) -> UInt8 { UInt8(min(255, max(0, value.rounded()))) }

    /// The four pixels of the map, along one axis, that a fine pixel is mixed from.
    private struct Tap {
        var weights: [Float]
        var places: [Int]

        init(_ position: Int64, factor: Int64, origin: Int64, size: Int64) {
            let centre = (Double(position) + 0.5) / Double(factor) - 0.5
            let first = centre.rounded(.down)
            let t = Float(centre - first)
            weights = [
                ((-0.5 * t + 1) * t - 0.5) * t, (1.5 * t - 2.5) * t * t + 1, ((-1.5 * t + 2) * t + 0.5) * t,
                (0.5 * t - 0.5) * t * t,
            ]
            places = (-1...2).map { Int(min(max(Int64(first) + $0 - origin, 0), size - 1)) }
        }
    }
}

extension PNG.Picture {
    /// Put two pictures of the same height side by side, with transparent columns between.
    init(left: PNG.Picture, right: PNG.Picture, gap: Int) {
        let width = left.width + gap + right.width
        let (a, b) = (left.rgba(), right.rgba())
        var pixels: [UInt8] = []
        pixels.reserveCapacity(4 * width * left.height)
        for row in 0..<left.height {
            pixels += a[4 * row * left.width..<4 * (row + 1) * left.width]
            pixels += [UInt8](repeating: 0, count: 4 * gap)
            pixels += b[4 * row * right.width..<4 * (row + 1) * right.width]
        }
        self.init(width: width, height: left.height, channels: 4, pixels: pixels)
    }
}
