/// The Box–Muller transform in single precision, from integer operations, +, −, ×, ÷ and square root alone.
///
/// IEEE 754 rounds those the same everywhere, so the bits are the same on every machine. Swift never contracts a
/// product and a sum into one operation. The polynomials are least-maximum fits; the logarithm's relative error
/// is below 1e-9 and that of sine and cosine below 4e-8, before rounding. The largest value is √(64 ln 2) = 6.66.
enum Gaussian {
    typealias Words = SIMD8<UInt32>
    typealias Values = SIMD8<Float>

    /// Return two independent standard normal values per lane from two uniform words.
    @inline(__always)
    static func pair(_ first: Words, _ second: Words) -> (Values, Values) {
        let radius = radius(first)
        let (cosine, sine) = direction(second)
        return (radius * cosine, radius * sine)
    }

    /// Return √(−2 ln u) for u = (w | 1)·2⁻³², the middles of 2³¹ equal steps.
    @inline(__always)
    private static func radius(_ word: Words) -> Values {
        let bits = bits(of: float(word | 1))
        // u·2³² = mantissa·2^exponent with a mantissa in √½ ..< √2, so that u near 1 keeps its relative precision.
        let rootHalf = Words(repeating: 0x3F35_04F3)
        let shifted = bits &- rootHalf
        let exponent = shifted &>> 23
        let mantissa = values(of: (shifted & 0x007F_FFFF) &+ rootHalf)
        let halvings = float(small: 32 &- exponent)
        let s = (mantissa - 1) / (mantissa + 1)
        let q = s * s
        let series: Values = 4 + q * (0x1.55557ap0 + q * (0x1.995ebap-1 + q * 0x1.31e2f2p-1))
        return (halvings * 0x1.62e43p0 - s * series).squareRoot()
    }

    /// Return cosine and sine of an angle: three bits choose the octant, 29 the middle of a step within it.
    @inline(__always)
    private static func direction(_ word: Words) -> (Values, Values) {
        let step = (word &<< 1 | 1) & 0x3FFF_FFFF
        let a = float(step) * 0x1p-30
        let q = a * a
        let sine = a * (0x1.921fb6p-1 + q * (-0x1.4abbbap-4 + q * (0x1.465ec6p-9 + q * -0x1.2d9bb8p-15)))
        let cosine: Values = 1 + q * (-0x1.3bd3a2p-2 + q * (0x1.03b162p-6 + q * -0x1.4ea9e8p-12))
        let swap = (bits(of: cosine) ^ bits(of: sine)) & (0 &- (word &>> 29 & 1))
        return (
            values(of: bits(of: cosine) ^ swap ^ (word & 0x8000_0000)),
            values(of: bits(of: sine) ^ swap ^ (word &<< 1 & 0x8000_0000))
        )
    }

    /// Return a word rounded to the nearest single, ties to even: two exact halves, one rounded sum.
    @inline(__always)
    private static func float(_ word: Words) -> Values {
        let high = values(of: word &>> 16 | 0x5300_0000)
        let low = values(of: word & 0xFFFF | 0x4B00_0000)
        return (high - 0x1.0001p39) + low
    }

    /// Return a word below 2²³, exactly.
    @inline(__always)
    private static func float(small word: Words) -> Values {
        values(of: word | 0x4B00_0000) - 0x1p23
    }

    @inline(__always)
    private static func bits(of values: Values) -> Words { unsafeBitCast(values, to: Words.self) }

    @inline(__always)
    private static func values(of bits: Words) -> Values { unsafeBitCast(bits, to: Values.self) }
}
