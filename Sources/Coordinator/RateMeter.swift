/// Counts events in one-second buckets, and tells their rate over the last minute.
struct RateMeter {
    private static let span = 60
    private var buckets = [Int](repeating: 0, count: span)
    private var second = 0
    private var first: Int?

    mutating func add(_ count: Int, at now: Duration) {
        advance(to: now)
        if first == nil { first = second }
        buckets[second % Self.span] += count
    }

    /// Return events per second, 0 before the first.
    mutating func rate(at now: Duration) -> Double {
        advance(to: now)
        guard let first else { return 0 }
        let seconds = min(Self.span, second - first + 1)
        return Double(buckets.reduce(0, +)) / Double(seconds)
    }

    private mutating func advance(to now: Duration) {
        let target = max(second, Int(now.components.seconds))
        for missed in 0..<min(target - second, Self.span) { buckets[(target - missed) % Self.span] = 0 }
        second = target
    }
}
