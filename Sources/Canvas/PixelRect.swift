/// A half-open rectangle of canvas pixels: x right, y down, `x ..< x + width` by `y ..< y + height`.
public struct PixelRect: Hashable, Sendable, Codable {
    public var x: Int64
    public var y: Int64
    public var width: Int64
    public var height: Int64

    public init(x: Int64, y: Int64, width: Int64, height: Int64) {
        self.x = x
        self.y = y
        self.width = width
        self.height = height
    }

    public var columns: Range<Int64> { x..<x + width }
    public var rows: Range<Int64> { y..<y + height }
    public var isEmpty: Bool { width <= 0 || height <= 0 }

    public func contains(x: Int64, y: Int64) -> Bool {
        columns.contains(x) && rows.contains(y)
    }

    public func intersection(_ other: PixelRect) -> PixelRect {
        let left = max(x, other.x)
        let top = max(y, other.y)
        let right = min(x + width, other.x + other.width)
        let bottom = min(y + height, other.y + other.height)
        return PixelRect(x: left, y: top, width: max(0, right - left), height: max(0, bottom - top))
    }
}
