/// Rows of a picture as luma, 0 … 255; NaN where there is no pixel.
public struct LumaStrip: Sendable {
    /// Canvas coordinates of the first pixel.
    public let x: Int64
    public let y: Int64
    public let width: Int
    public let height: Int
    /// `width · height` values, row by row.
    public var values: [Float]

    public init(x: Int64, y: Int64, width: Int, height: Int) {
        self.x = x
        self.y = y
        self.width = width
        self.height = height
        values = [Float](repeating: .nan, count: width * height)
    }

    /// Return the luma of 8-bit RGB (ITU-R BT.601, the weights of JPEG).
    public static func luma(_ red: UInt8, _ green: UInt8, _ blue: UInt8) -> Float {
        0.299 * Float(red) + 0.587 * Float(green) + 0.114 * Float(blue)
    }
}
