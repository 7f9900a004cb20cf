/// Philox4x32-10, a counter-based generator (Salmon et al. 2011, "Parallel Random Numbers: As Easy as 1, 2, 3").
///
/// A block of four 32-bit words is a bijection of its four counter words, chosen by two key words. Lanes hold words
/// in 64 bits so that a lane's product with a 32-bit constant is one multiplication; their upper halves are free.
struct Philox<Lanes: SIMD> where Lanes.Scalar == UInt64 {
    typealias Block = (Lanes, Lanes, Lanes, Lanes)

    /// Return one block per lane; only the lower 32 bits of a result's lanes count.
    @inline(__always)
    static func block(_ counter: Block, key: UInt64) -> Block {
        let word = Lanes(repeating: 0xFFFF_FFFF)
        let half = Lanes(repeating: 32)
        let multiplier0 = Lanes(repeating: 0xD251_1F53)
        let multiplier1 = Lanes(repeating: 0xCD9E_8D57)
        var (c0, c1, c2, c3) = counter
        var key0 = UInt32(truncatingIfNeeded: key)
        var key1 = UInt32(truncatingIfNeeded: key >> 32)
        for _ in 0..<10 {
            let product0 = (c0 & word) &* multiplier0
            let product1 = (c2 & word) &* multiplier1
            c0 = (product1 &>> half) ^ c1 ^ Lanes(repeating: UInt64(key0))
            c1 = product1
            c2 = (product0 &>> half) ^ c3 ^ Lanes(repeating: UInt64(key1))
            c3 = product0
            key0 &+= 0x9E37_79B9
            key1 &+= 0xBB67_AE85
        }
        return (c0, c1, c2, c3)
    }
}
