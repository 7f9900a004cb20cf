internal import Canvas

/// Averages source pixels over the boxes of a tile.
struct Resampler {
    /// The most source pixels to hold at once; a larger block is halved.
    private static let windowLimit = 1 << 22

    let raster: GDALRaster
    /// Source columns around the world, where that is a whole number.
    let turn: Int64?

    init(raster: GDALRaster) {
        self.raster = raster
        turn = raster.period.flatMap { period in
            let rounded = period.rounded()
            return abs(period - rounded) < 1.0 / 32 && rounded < 1e9 ? Int64(rounded) : nil
        }
    }

    /// Return the tile under a footprint of 256 × 256 boxes.
    func tile(_ footprint: Footprint) throws -> RGBATile {
        var tile = RGBATile()
        try tile.withPixels { out in
            try render(footprint, x: 0..<RGBATile.side, y: 0..<RGBATile.side, into: &out)
        }
        return tile
    }

    /// Return which pixels have data, from geometry alone: for rasters without nodata, masks or alpha.
    func validity(_ footprint: Footprint) -> [Bool] {
        footprint.boxes.map { box in
            guard let box else { return false }
            let turns: [Int64] = turn.map { [0, $0 << 10, -($0 << 10)] } ?? [0]
            let columns = turns.reduce(Int64(0)) { $0 + overlap(box.x + $1, box.width, raster.width) }
            let rows = overlap(box.y, box.height, raster.height)
            return 2 * columns * rows >= box.width * box.height
        }
    }

    private func overlap(_ centre: Int64, _ size: Int64, _ count: Int) -> Int64 {
        let low = centre - size / 2
        return max(0, min(low + size, Int64(count) << 10) - max(low, 0))
    }

    private func render(
        _ footprint: Footprint, x: Range<Int>, y: Range<Int>, into out: inout UnsafeMutableBufferPointer<UInt8>
    ) throws {
        guard let (columns, rows) = taps(footprint, x: x, y: y) else { return }
        let (area, overflow) = columns.count.multipliedReportingOverflow(by: rows.count)
        if overflow || area > Self.windowLimit, x.count > 1 || y.count > 1 {
            if x.count >= y.count {
                let middle = x.lowerBound + x.count / 2
                try render(footprint, x: x.lowerBound..<middle, y: y, into: &out)
                try render(footprint, x: middle..<x.upperBound, y: y, into: &out)
            } else {
                let middle = y.lowerBound + y.count / 2
                try render(footprint, x: x, y: y.lowerBound..<middle, into: &out)
                try render(footprint, x: x, y: middle..<y.upperBound, into: &out)
            }
            return
        }
        let window = try SourceWindow(of: raster, columns: columns, rows: rows, turn: turn)
        window.pixels.withUnsafeBufferPointer { source in
            for row in y {
                for column in x {
                    let at = row * RGBATile.side + column
                    guard let box = footprint.boxes[at] else { continue }
                    let (colour, alpha) = Self.average(source, columns, rows, box)
                    for c in 0..<3 { out[4 * at + c] = UInt8(truncatingIfNeeded: colour[c]) }
                    out[4 * at + 3] = alpha
                }
            }
        }
    }

    /// Return the source pixels under a block, or nil where the block misses the raster.
    private func taps(_ footprint: Footprint, x: Range<Int>, y: Range<Int>) -> (Range<Int64>, Range<Int64>)? {
        var left = Int64.max, right = Int64.min, top = Int64.max, bottom = Int64.min
        let reach = turn == nil ? 0..<Int64(raster.width) : Int64.min..<Int64.max
        for row in y {
            for column in x {
                guard let box = footprint.boxes[row * RGBATile.side + column] else { continue }
                let columns = box.columns.clamped(to: reach)
                let rows = box.rows.clamped(to: 0..<Int64(raster.height))
                if columns.isEmpty || rows.isEmpty { continue }
                left = min(left, columns.lowerBound)
                right = max(right, columns.upperBound)
                top = min(top, rows.lowerBound)
                bottom = max(bottom, rows.upperBound)
            }
        }
        return left < right && top < bottom ? (left..<right, top..<bottom) : nil
    }

    /// Return the mean of a box and 255, or zeros where less than half of it has data.
    @inline(__always)
    private static func average(
        _ source: UnsafeBufferPointer<UInt8>, _ columns: Range<Int64>, _ rows: Range<Int64>, _ box: Footprint.Box
    ) -> (colour: SIMD4<Int64>, alpha: UInt8) {
        var total: Int64 = 0
        var sum = SIMD4<Int64>()
        for tapY in box.rows.clamped(to: rows) {
            let weightY = Footprint.weight(tapY, box.y, box.height)
            let line = Int(tapY - rows.lowerBound) * columns.count
            for tapX in box.columns.clamped(to: columns) {
                let at = 4 * (line + Int(tapX - columns.lowerBound))
                let weight = weightY * Footprint.weight(tapX, box.x, box.width) * Int64(source[at + 3])
                total += weight
                sum &+= SIMD4(Int64(source[at]), Int64(source[at + 1]), Int64(source[at + 2]), 0) &* weight
            }
        }
        guard total > 0, 2 * total >= 255 * box.width * box.height else { return (SIMD4(), 0) }
        return ((sum &+ total / 2) / SIMD4(repeating: total), 255)
    }
}
