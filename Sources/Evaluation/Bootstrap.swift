/// Resampling with a seed, so that intervals can be reproduced.
enum Bootstrap {
    /// Return the 2.5 % and 97.5 % quantiles of a statistic over resampled indices (percentile bootstrap, Efron 1979).
    static func interval(
        count: Int, resamples: Int = 1000, seed: UInt64 = 1, statistic: ([Int]) -> Double?
    ) -> ClosedRange<Double>? {
        guard count > 0 else { return nil }
        var random = SplitMix(state: seed)
        let values = (0..<resamples).compactMap { _ in
            statistic((0..<count).map { _ in Int.random(in: 0..<count, using: &random) })
        }.sorted()
        guard let low = values.first, let high = values.last else { return nil }
        guard values.count >= 40 else { return low...high }
        return values[values.count / 40]...values[values.count - 1 - values.count / 40]
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014).
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
