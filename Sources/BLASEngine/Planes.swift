/// View a stack of channel images, C × H × W, in memory that someone else owns.
///
/// The planes lie `stride` floats apart, a little more than H·W: with a power of two between them, the rows that one
/// matrix product writes would compete for the same cache sets.
struct Planes {
    let base: UnsafeMutablePointer<Float>
    let channels: Int
    let height: Int
    let width: Int

    /// The floats in one plane.
    var area: Int { height * width }
    /// The floats from one plane to the next.
    var stride: Int { Self.stride(area: area) }

    static func stride(area: Int) -> Int { area >= 1024 ? area + 528 : area }
    static func count(channels: Int, height: Int, width: Int) -> Int { channels * stride(area: height * width) }

    subscript(channel: Int) -> UnsafeMutablePointer<Float> { base + channel * stride }

    func channels(_ range: Range<Int>) -> Planes {
        Planes(base: base + range.lowerBound * stride, channels: range.count, height: height, width: width)
    }
}

/// View a stack of channel images with a border of one pixel, C × (H + 2) × (W + 2).
struct PaddedPlanes {
    let base: UnsafeMutablePointer<Float>
    let channels: Int
    /// The size without the border.
    let height: Int
    let width: Int

    var rowStride: Int { width + 2 }
    var stride: Int { (height + 2) * (width + 2) }

    static func count(channels: Int, height: Int, width: Int) -> Int { channels * (height + 2) * (width + 2) }

    subscript(channel: Int) -> UnsafeMutablePointer<Float> { base + channel * stride }

    func channels(_ range: Range<Int>) -> PaddedPlanes {
        PaddedPlanes(base: base + range.lowerBound * stride, channels: range.count, height: height, width: width)
    }
}
