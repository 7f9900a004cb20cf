/// Quantiles of the time from a lease to its results, in bounded memory.
///
/// A histogram of logarithmic buckets, eight a doubling, from a microsecond up; all counts are halved every 4096 entries,
/// so that it follows a fleet that changes. Integers alone, so that it is the same on every machine.
struct LeaseTimes: Sendable {
    private static let halving = 4096
    private var counts = [UInt32](repeating: 0, count: 8 * 48)
    private var total = 0
    /// Entries since the beginning.
    private(set) var samples = 0

    mutating func add(_ time: Duration) {
        samples += 1
        counts[Self.bucket(time)] += 1
        total += 1
        guard total >= Self.halving else { return }
        total = 0
        for index in counts.indices {
            counts[index] /= 2
            total += Int(counts[index])
        }
    }

    /// Return the time that a part `q` of the entries does not exceed, within 13 %; nil before the first.
    func quantile(_ q: Double) -> Duration? {
        guard total > 0 else { return nil }
        let rank = max(1, Int((Double(total) * q).rounded(.up)))
        var seen = 0
        for (index, count) in counts.enumerated() where count > 0 {
            seen += Int(count)
            if seen >= rank { return Self.upperBound(index) }
        }
        return nil
    }

    private static func bucket(_ time: Duration) -> Int {
        let (seconds, attoseconds) = time.components
        let microseconds = max(
            8, UInt64(max(0, min(seconds, 1 << 40))) * 1_000_000 + UInt64(max(0, attoseconds)) / 1_000_000_000_000)
        let exponent = 63 - microseconds.leadingZeroBitCount
        let fraction = Int(microseconds >> UInt64(exponent - 3)) & 7
        return min(8 * (exponent - 3) + fraction, 8 * 48 - 1)
    }

    private static func upperBound(_ bucket: Int) -> Duration {
        .microseconds(Int64(9 + bucket % 8) << Int64(bucket / 8))
    }
}
