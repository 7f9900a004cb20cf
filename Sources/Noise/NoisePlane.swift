/// One channel of one stream of one level: an endless plane of normal values, written row by row.
///
/// 64 neighbouring pixels of a row, from a multiple of 64 on, take 16 blocks: word j of block i is pixel 16·j + i.
/// Everything derives from the absolute coordinate, so a value does not depend on the rectangle it is asked in.
/// Counter words: block of x (low 32 bits), y (low 32), their next 16 bits each, then stream, level and channel.
struct NoisePlane {
    private typealias Lanes = SIMD8<UInt64>

    private static let group: Int64 = 64
    private static let blocks: Int64 = 16

    let seed: UInt64
    private let source: UInt64

    init(seed: UInt64, level: UInt8, channel: UInt8, stream: UInt16) {
        self.seed = seed
        source = UInt64(stream) | UInt64(level) << 16 | UInt64(channel) << 24
    }

    /// Write the values of the pixels x ..< x + count of row y.
    func fill(x: Int64, y: Int64, count: Int, into output: UnsafeMutablePointer<Float>) {
        var written = 0
        while written < count {
            let position = x &+ Int64(written)
            let skip = Int(position & (Self.group - 1))
            let take = min(count - written, Int(Self.group) - skip)
            if take == Int(Self.group) {
                fillGroup(position, y, output + written)
            } else {
                withUnsafeTemporaryAllocation(of: Float.self, capacity: Int(Self.group)) { buffer in
                    guard let base = buffer.baseAddress else { return }
                    fillGroup(position &- Int64(skip), y, base)
                    (output + written).update(from: base + skip, count: take)
                }
            }
            written += take
        }
    }

    /// Write 64 values from x on, a multiple of 64.
    private func fillGroup(_ x: Int64, _ y: Int64, _ output: UnsafeMutablePointer<Float>) {
        let block = UInt64(bitPattern: x >> 2)
        let row = UInt64(bitPattern: y)
        let high = (block >> 32 & 0xFFFF) | (row >> 32 & 0xFFFF) << 16
        let even = Lanes(0, 2, 4, 6, 8, 10, 12, 14)
        let shared = (Lanes(repeating: row), Lanes(repeating: high), Lanes(repeating: source))
        let evens = Philox<Lanes>.block(
            (Lanes(repeating: block) | even, shared.0, shared.1, shared.2), key: seed)
        let odds = Philox<Lanes>.block(
            (Lanes(repeating: block | 1) | even, shared.0, shared.1, shared.2), key: seed)
        Self.store(Self.interleave(evens.0, odds.0), Self.interleave(evens.1, odds.1), output)
        Self.store(Self.interleave(evens.2, odds.2), Self.interleave(evens.3, odds.3), output + 32)
    }

    @inline(__always)
    private static func interleave(_ evens: Lanes, _ odds: Lanes) -> SIMD16<UInt32> {
        unsafeBitCast((evens & 0xFFFF_FFFF) | odds &<< 32, to: SIMD16<UInt32>.self)
    }

    /// Write the 32 values of a pair of words.
    @inline(__always)
    private static func store(
        _ first: SIMD16<UInt32>, _ second: SIMD16<UInt32>, _ output: UnsafeMutablePointer<Float>
    ) {
        let low = Gaussian.pair(first.lowHalf, second.lowHalf)
        let high = Gaussian.pair(first.highHalf, second.highHalf)
        let bytes = UnsafeMutableRawPointer(output)
        let stride = MemoryLayout<Gaussian.Values>.stride
        bytes.storeBytes(of: low.0, as: Gaussian.Values.self)
        bytes.storeBytes(of: high.0, toByteOffset: stride, as: Gaussian.Values.self)
        bytes.storeBytes(of: low.1, toByteOffset: 2 * stride, as: Gaussian.Values.self)
        bytes.storeBytes(of: high.1, toByteOffset: 3 * stride, as: Gaussian.Values.self)
    }
}
