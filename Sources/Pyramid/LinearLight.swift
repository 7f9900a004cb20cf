internal import Foundation
internal import Raster

/// Halves pictures in linear light: the mean of 2 × 2 pixels, colours weighted by alpha.
///
/// 8-bit sRGB becomes 16-bit linear light and back through tables (IEC 61966-2-1, transfer function); the sums are
/// integers, so every machine makes the same bytes. A mean of equal colours is that colour.
enum LinearLight {
    /// round(65535 · EOTF(v / 255)).
    static let decoded: [UInt32] = (0..<256).map { value in
        let v = Double(value) / 255
        let linear = v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4)
        return UInt32((linear * 65535).rounded())
    }

    /// round(255 · EOTF⁻¹(v / 65535)).
    static let encoded: [UInt8] = (0..<65536).map { value in
        let v = Double(value) / 65535
        let coded = v <= 0.0031308 ? v * 12.92 : 1.055 * pow(v, 1 / 2.4) - 0.055
        return UInt8((coded * 255).rounded())
    }

    /// Return the parent of four tiles: north-west, north-east, south-west, south-east; nil is transparent.
    static func parent(of children: [RGBATile?]) -> RGBATile {
        var parent = RGBATile()
        let side = RGBATile.side
        let half = side / 2
        parent.withPixels { out in
            decoded.withUnsafeBufferPointer { decoded in
                encoded.withUnsafeBufferPointer { encoded in
                    for (index, child) in children.enumerated() {
                        guard let child else { continue }
                        let corner = index / 2 * half * side + index % 2 * half
                        child.pixels.withUnsafeBufferPointer { source in
                            for y in 0..<half {
                                for x in 0..<half {
                                    let from = 4 * (2 * y * side + 2 * x)
                                    let to = 4 * (corner + y * side + x)
                                    halve(source, from, 4 * side, decoded, encoded, &out, to)
                                }
                            }
                        }
                    }
                }
            }
        }
        return parent
    }

    @inline(__always)
    private static func halve(
        _ source: UnsafeBufferPointer<UInt8>, _ at: Int, _ stride: Int, _ decoded: UnsafeBufferPointer<UInt32>,
        _ encoded: UnsafeBufferPointer<UInt8>, _ out: inout UnsafeMutableBufferPointer<UInt8>, _ to: Int
    ) {
        let a0 = UInt32(source[at + 3]), a1 = UInt32(source[at + 7])
        let a2 = UInt32(source[at + stride + 3]), a3 = UInt32(source[at + stride + 7])
        let alpha = a0 + a1 + a2 + a3
        guard alpha > 0 else { return }
        for c in 0..<3 {
            let v0 = decoded[Int(source[at + c])], v1 = decoded[Int(source[at + 4 + c])]
            let v2 = decoded[Int(source[at + stride + c])], v3 = decoded[Int(source[at + stride + 4 + c])]
            let mean =
                alpha == 1020
                ? (v0 + v1 + v2 + v3 + 2) / 4
                : (v0 * a0 + v1 * a1 + v2 * a2 + v3 * a3 + alpha / 2) / alpha
            out[to + c] = encoded[Int(mean)]
        }
        out[to + 3] = UInt8((alpha + 2) / 4)
    }
}
