/// A seeded generator (SplitMix64), so that a failing schedule replays exactly.
public struct SplitMix: RandomNumberGenerator, Sendable {
    public var state: UInt64

    public init(state: UInt64) { self.state = state }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func chance(_ probability: Double) -> Bool {
        probability > 0 && Double(next() >> 11) * 0x1p-53 < probability
    }

    mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }

    /// Milliseconds, most of them few, some of them many.
    mutating func skewed(_ milliseconds: Int) -> Duration {
        let u = Double(next() >> 11) * 0x1p-53
        return .microseconds(Int64(Double(milliseconds) * 1000 * u * u * u) + 1)
    }
}

/// What goes wrong, and how often; all zero is a fair day.
public struct Faults: Sendable {
    /// For every message: the connection breaks and takes what is on its way with it; the message comes twice; it is
    /// overtaken by later ones.
    public var loss = 0.0
    public var duplication = 0.0
    public var reordering = 0.0
    /// For every second and worker: it is cut off for a while.
    public var partition = 0.0
    /// For every batch: the process dies; it hangs and its heartbeats go on; it takes a hundred times as long.
    public var crash = 0.0
    public var hang = 0.0
    public var slow = 0.0
    /// For every batch: out of memory; for every window: not a number, whose pixels do not fit their checksum.
    public var environment = 0.0
    public var failure = 0.0
    public var lie = 0.0
    /// For every window of the plan: no worker can render it.
    public var poison = 0.0
    /// For every window of the plan: it kills whoever renders it.
    public var deadly = 0.0
    /// For every worker: it speaks another version of the protocol.
    public var wrongVersion = 0.0
    /// For every event: the coordinator crashes. For every commit: the disk is full.
    public var restart = 0.0
    public var fullDisk = 0.0
    /// For every second: somebody pauses, resumes, drains, or wants a rectangle first.
    public var meddling = 0.0

    public init() {}

    /// Return faults drawn at random: most schedules have a few kinds, some have all.
    public static func drawn(_ random: inout SplitMix) -> Faults {
        let density = Double(random.number(1...10)) / 10
        func rate(_ most: Double) -> Double {
            random.chance(density) ? most * Double(random.number(1...100)) / 100 : 0
        }
        var faults = Faults()
        faults.loss = rate(0.02)
        faults.duplication = rate(0.1)
        faults.reordering = rate(0.2)
        faults.partition = rate(0.02)
        faults.crash = rate(0.1)
        faults.hang = rate(0.03)
        faults.slow = rate(0.05)
        faults.environment = rate(0.1)
        faults.failure = rate(0.1)
        faults.lie = rate(0.03)
        faults.poison = rate(0.03)
        faults.deadly = rate(0.005)
        faults.wrongVersion = rate(0.3)
        faults.restart = rate(0.003)
        faults.fullDisk = rate(0.05)
        faults.meddling = rate(0.05)
        return faults
    }
}
