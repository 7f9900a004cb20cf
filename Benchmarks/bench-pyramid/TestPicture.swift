import Dispatch
import Foundation

/// A picture of fractal noise with grain, as an uncompressed tiled BigTIFF that every contender reads.
struct TestPicture {
    let side: Int
    private static let tile = 256

    /// Write the picture; a function of the side alone.
    func write(to path: String) throws {
        let across = side / Self.tile
        let count = across * across
        let tileBytes = Self.tile * Self.tile * 3
        guard FileManager.default.createFile(atPath: path, contents: nil),
            let file = FileHandle(forWritingAtPath: path)
        else { throw BenchError("cannot write \(path)") }
        defer { try? file.close() }
        try file.write(contentsOf: header(tiles: count, tileBytes: tileBytes))
        for row in 0..<across {
            let band = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: across * tileBytes)
            defer { band.deallocate() }
            nonisolated(unsafe) let base = band
            DispatchQueue.concurrentPerform(iterations: across) { column in
                Self.fill(
                    UnsafeMutableBufferPointer(rebasing: base[column * tileBytes..<(column + 1) * tileBytes]),
                    left: column * Self.tile, top: row * Self.tile)
            }
            try file.write(contentsOf: Data(buffer: band))
        }
    }

    /// The header, the directory and the arrays of a BigTIFF whose tiles follow one another.
    private func header(tiles: Int, tileBytes: Int) -> Data {
        var out = Data()
        func put<Value: FixedWidthInteger>(_ value: Value) {
            withUnsafeBytes(of: value.littleEndian) { out.append(contentsOf: $0) }
        }
        let entries = 11
        let arrays = 16 + 8 + entries * 20 + 8
        let start = arrays + 16 * tiles
        out.append(contentsOf: [0x49, 0x49])
        put(UInt16(43))
        put(UInt16(8))
        put(UInt16(0))
        put(UInt64(16))
        put(UInt64(entries))
        func entry(_ tag: UInt16, _ type: UInt16, _ count: UInt64, _ value: UInt64) {
            put(tag)
            put(type)
            put(count)
            put(value)
        }
        entry(256, 4, 1, UInt64(side))
        entry(257, 4, 1, UInt64(side))
        entry(258, 3, 3, 0x0008_0008_0008)
        entry(259, 3, 1, 1)
        entry(262, 3, 1, 2)
        entry(277, 3, 1, 3)
        entry(284, 3, 1, 1)
        entry(322, 4, 1, UInt64(Self.tile))
        entry(323, 4, 1, UInt64(Self.tile))
        entry(324, 16, UInt64(tiles), tiles == 1 ? UInt64(start) : UInt64(arrays))
        entry(325, 16, UInt64(tiles), tiles == 1 ? UInt64(tileBytes) : UInt64(arrays + 8 * tiles))
        put(UInt64(0))
        for index in 0..<tiles { put(UInt64(start + index * tileBytes)) }
        for _ in 0..<tiles { put(UInt64(tileBytes)) }
        return out
    }

    private static func fill(_ out: UnsafeMutableBufferPointer<UInt8>, left: Int, top: Int) {
        var heights = [Float](repeating: 0, count: tile * tile)
        var amplitude: Float = 64
        for period in [512, 256, 128, 64, 32, 16, 8, 4] {
            for y in 0..<tile {
                let row = (top + y) / period
                let v = smooth(Float((top + y) % period) / Float(period))
                var column = Int.min
                var west: Float = 0
                var east: Float = 0
                for x in 0..<tile {
                    let at = (left + x) / period
                    if at != column {
                        column = at
                        west = lattice(at, row, period) * (1 - v) + lattice(at, row + 1, period) * v
                        east = lattice(at + 1, row, period) * (1 - v) + lattice(at + 1, row + 1, period) * v
                    }
                    let u = smooth(Float((left + x) % period) / Float(period))
                    heights[y * tile + x] += amplitude * (west * (1 - u) + east * u)
                }
            }
            amplitude /= 1.8
        }
        for y in 0..<tile {
            for x in 0..<tile {
                let height = heights[y * tile + x]
                let grain = hash(left + x, top + y, 7)
                for c in 0..<3 {
                    let value = 128 + height * [0.8, 1, 0.6][c] + Float(grain >> UInt64(8 * c) & 7) - 3.5
                    out[(y * tile + x) * 3 + c] = UInt8(min(max(value, 0), 255))
                }
            }
        }
    }

    private static func smooth(_ t: Float) -> Float { t * t * (3 - 2 * t) }

    private static func lattice(_ x: Int, _ y: Int, _ period: Int) -> Float {
        Float(hash(x, y, period) & 0xffff) / 32767.5 - 1
    }

    private static func hash(_ x: Int, _ y: Int, _ z: Int) -> UInt64 {
        var v = UInt64(bitPattern: Int64(x &* 73_856_093 ^ y &* 19_349_663 ^ z &* 83_492_791)) &+ 0x9e37_79b9_7f4a_7c15
        v = (v ^ v >> 30) &* 0xbf58_476d_1ce4_e5b9
        v = (v ^ v >> 27) &* 0x94d0_49bb_1331_11eb
        return v ^ v >> 31
    }
}

struct BenchError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
