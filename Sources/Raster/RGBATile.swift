internal import Canvas

/// The pixels of one 256 × 256 tile: red, green, blue, alpha in row order, 8 bits each.
///
/// Alpha is not premultiplied; where it is 0, red, green and blue are 0.
public struct RGBATile: Sendable, Hashable {
    public static let side = Int(WindowGeometry.tile)
    public static let byteCount = side * side * 4

    /// 256 · 256 · 4 bytes.
    public private(set) var pixels: [UInt8]

    /// Create a tile without data.
    public init() {
        pixels = [UInt8](repeating: 0, count: Self.byteCount)
    }

    /// Create a tile from RGBA bytes; colours where alpha is 0 are cleared.
    ///
    /// - Precondition: `pixels` holds 256 · 256 · 4 bytes.
    public init(pixels: [UInt8]) {
        precondition(pixels.count == Self.byteCount, "a tile holds \(Self.byteCount) bytes, not \(pixels.count)")
        self.pixels = pixels
        clearTransparent()
    }

    /// Whether no pixel has data.
    public var isEmpty: Bool { !hasAlpha { $0 != 0 } }

    /// Whether every pixel has data.
    public var isOpaque: Bool { !hasAlpha { $0 != 255 } }

    /// Read or write the bytes in place; colours where alpha is 0 are cleared afterwards.
    package mutating func withPixels<Result>(
        _ body: (inout UnsafeMutableBufferPointer<UInt8>) throws -> Result
    ) rethrows -> Result {
        defer { clearTransparent() }
        return try pixels.withUnsafeMutableBufferPointer { try body(&$0) }
    }

    private func hasAlpha(where test: (UInt8) -> Bool) -> Bool {
        pixels.withUnsafeBufferPointer { bytes in
            stride(from: 3, to: bytes.count, by: 4).contains { test(bytes[$0]) }
        }
    }

    private mutating func clearTransparent() {
        pixels.withUnsafeMutableBytes { bytes in
            for index in stride(from: 0, to: bytes.count, by: 4) where bytes[index + 3] == 0 {
                bytes.storeBytes(of: 0, toByteOffset: index, as: UInt32.self)
            }
        }
    }
}
