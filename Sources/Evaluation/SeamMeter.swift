/// Measures how visible the lines of a lattice are: the parallel-line ratio.
///
/// For every edge of a core, the mean |difference| of luma across it is compared with that across the lines parallel to
/// it just beside. 1.0 is invisible, larger is a step, smaller a smear. An edge whose surroundings have no texture at
/// all (open sea) has no ratio and is left out.
public struct SeamMeter: Sendable {
    /// Differences summed over one edge of a core, and over the lines beside it (as a mean of lines).
    struct Edge: Sendable {
        var across: Double
        var beside: Double
    }

    /// How many lines on either side are compared with.
    public static let reach = 4
    /// Rows that consecutive strips must share, so that every horizontal edge is measured in just one of them.
    public static let overlap = 2 * reach + 1

    public let period: Int
    public let phase: Int
    private(set) var edges: [Edge] = []

    /// Create a meter for the lines x, y ≡ `phase` modulo `period`.
    public init(period: Int, phase: Int = 0) {
        self.period = period
        self.phase = phase
    }

    /// Measure the edges inside a strip; horizontal ones nearer than `reach` to its ends are left to the next strip.
    ///
    /// - Complexity: O(pixels · reach / period).
    public mutating func add(_ strip: LumaStrip) {
        measure(strip, lines: strip.width, along: strip.height, origin: strip.x, alongOrigin: strip.y) { line, i in
            i * strip.width + line
        }
        measure(strip, lines: strip.height, along: strip.width, origin: strip.y, alongOrigin: strip.x) { line, i in
            line * strip.width + i
        }
    }

    private mutating func measure(
        _ strip: LumaStrip, lines: Int, along: Int, origin: Int64, alongOrigin: Int64, index: (Int, Int) -> Int
    ) {
        let first = (Int64(phase) - origin).wrapped(period)
        for line in stride(from: first, to: lines, by: period) {
            guard line > Self.reach, line + Self.reach < lines else { continue }
            var start = 0
            while start < along {
                let end = min(along, start + period - (alongOrigin + Int64(start)).wrapped(period))
                var across = 0.0
                var beside = 0.0
                var count = 0
                for i in start..<end {
                    var sum: Float = 0
                    for offset in 1...Self.reach {
                        sum += abs(strip.values[index(line + offset, i)] - strip.values[index(line + offset - 1, i)])
                        sum += abs(strip.values[index(line - offset, i)] - strip.values[index(line - offset - 1, i)])
                    }
                    let step = abs(strip.values[index(line, i)] - strip.values[index(line - 1, i)])
                    guard sum.isFinite, step.isFinite else { continue }
                    across += Double(step)
                    beside += Double(sum) / Double(2 * Self.reach)
                    count += 1
                }
                if count > 0, beside > 0 {
                    edges.append(Edge(across: across / Double(count), beside: beside / Double(count)))
                }
                start = end
            }
        }
    }

    mutating func append(_ others: [Edge]) { edges += others }

    public var count: Int { edges.count }

    /// The ratio over all edges: Σ across ÷ Σ beside; nil without edges.
    public var ratio: Double? { Self.ratio(edges) }

    /// Return the 95 % bootstrap interval of the ratio over edges.
    public func interval(resamples: Int = 1000, seed: UInt64 = 1) -> ClosedRange<Double>? {
        Bootstrap.interval(count: edges.count, resamples: resamples, seed: seed) { chosen in
            Self.ratio(chosen.map { edges[$0] })
        }
    }

    private static func ratio(_ edges: [Edge]) -> Double? {
        let beside = edges.reduce(0) { $0 + $1.beside }
        return beside > 0 ? edges.reduce(0) { $0 + $1.across } / beside : nil
    }
}

extension Int64 {
    fileprivate func wrapped(_ period: Int) -> Int {
        let rest = Int(self % Int64(period))
        return rest < 0 ? rest + period : rest
    }
}
