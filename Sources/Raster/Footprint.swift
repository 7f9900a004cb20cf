/// Where the pixels of a block of the canvas lie on the source, in 1/1024 source pixels.
///
/// A canvas pixel is the average of the source over a box around its centre: one source pixel wide where the source is
/// coarser (which is bilinear interpolation), as wide as the canvas pixel where it is finer (the area average). The
/// weights are integers, so the result depends neither on the order of sums nor on the last bits of a projection.
struct Footprint {
    static let one: Int64 = 1024
    /// The widest box, in source pixels.
    static let widest: Int64 = 1024

    /// Centre and size of a pixel's box, or `nil` outside of the projection's domain.
    struct Box {
        var x: Int64
        var y: Int64
        var width: Int64
        var height: Int64

        var columns: Range<Int64> { Footprint.taps(x, width) }
        var rows: Range<Int64> { Footprint.taps(y, height) }
    }

    /// `side` × `side` boxes in row order.
    var boxes: [Box?]

    /// Create the boxes of a tile from source positions of its pixel centres.
    ///
    /// - Parameters:
    ///   - x: (side + 2)² source columns of the centres of the tile's pixels and one ring around them; NaN where
    ///     there is none.
    ///   - period: Source pixels around the world, for neighbours on either side of the seam.
    init(x: [Double], y: [Double], side: Int, width: Int, period: Double?) {
        let stride = side + 2
        boxes = []
        boxes.reserveCapacity(side * side)
        for row in 1...side {
            for column in 1...side {
                let at = row * stride + column
                boxes.append(
                    Self.box(
                        x: x[at], y: y[at],
                        spanX: Self.step(x, at, 1, period) + Self.step(x, at, stride, period),
                        spanY: Self.step(y, at, 1, nil) + Self.step(y, at, stride, nil),
                        width: width, period: period))
            }
        }
    }

    private static func box(
        x: Double, y: Double, spanX: Double, spanY: Double, width: Int, period: Double?
    ) -> Box? {
        guard x.isFinite, y.isFinite, abs(x) < 1e12, abs(y) < 1e12 else { return nil }
        let centre = period.map { Self.wrapped(x, width: Double(width), period: $0) } ?? x
        return Box(
            x: Self.fixed(centre), y: Self.fixed(y),
            width: min(max(Self.one, Self.fixed(min(spanX, 2048))), Self.widest * Self.one),
            height: min(max(Self.one, Self.fixed(min(spanY, 2048))), Self.widest * Self.one))
    }

    /// Return the distance to the nearer neighbour: the smaller one, so that a jump at a seam does not count.
    private static func step(_ values: [Double], _ at: Int, _ offset: Int, _ period: Double?) -> Double {
        func distance(_ other: Int) -> Double {
            var difference = values[other] - values[at]
            if let period { difference -= period * (difference / period).rounded() }
            return difference.isFinite ? abs(difference) : .infinity
        }
        let smaller = min(distance(at - offset), distance(at + offset))
        return smaller.isFinite ? smaller : 0
    }

    /// Move x by whole turns onto the raster, or as near to it as it gets.
    private static func wrapped(_ x: Double, width: Double, period: Double) -> Double {
        let turned = x - period * (x / period).rounded(.down)
        return turned > width && period - turned < turned - width ? turned - period : turned
    }

    private static func fixed(_ value: Double) -> Int64 {
        Int64((value * Double(one)).rounded())
    }

    static func taps(_ centre: Int64, _ size: Int64) -> Range<Int64> {
        let low = centre - size / 2
        return (low >> 10)..<((low + size - 1) >> 10) + 1
    }

    /// Return the length of source pixel `tap` that lies in the box, in 1/1024.
    @inline(__always)
    static func weight(_ tap: Int64, _ centre: Int64, _ size: Int64) -> Int64 {
        let low = centre - size / 2
        return min((tap + 1) << 10, low + size) - max(tap << 10, low)
    }
}
