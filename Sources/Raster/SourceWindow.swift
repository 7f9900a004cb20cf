internal import Canvas

/// A rectangle of source pixels in memory; columns may run on around the world, what lies outside has alpha 0.
struct SourceWindow {
    var columns: Range<Int64>
    var rows: Range<Int64>
    var pixels: [UInt8]

    /// Read a window.
    ///
    /// - Parameter turn: Source columns around the world, where that is a whole number.
    /// - Throws: `RasterError.read`.
    init(of raster: GDALRaster, columns: Range<Int64>, rows: Range<Int64>, turn: Int64?) throws {
        self.columns = columns
        self.rows = rows
        let stride = columns.count * 4
        pixels = [UInt8](repeating: 0, count: stride * rows.count)
        let height = Int64(raster.height)
        let width = Int64(raster.width)
        let inside = rows.clamped(to: 0..<height)
        guard !inside.isEmpty else { return }
        var column = columns.lowerBound
        while column < columns.upperBound {
            let source = turn.map { column.wrapped(modulo: $0) } ?? column
            let end: Int64
            if source < 0 {
                end = min(columns.upperBound, column - source)
            } else if source >= width {
                end = turn.map { min(columns.upperBound, column + $0 - source) } ?? columns.upperBound
            } else {
                end = min(columns.upperBound, column + min(width, turn ?? width) - source)
                let offset = Int(inside.lowerBound - rows.lowerBound) * stride + Int(column - columns.lowerBound) * 4
                try pixels.withUnsafeMutableBufferPointer { buffer in
                    guard let base = buffer.baseAddress else { return }
                    try raster.read(
                        x: Int(source), y: Int(inside.lowerBound), width: Int(end - column), height: inside.count,
                        into: base + offset, stride: stride)
                }
            }
            column = end
        }
    }
}
