internal import Foundation

/// Measures what a mosaic repeats from core to core: seams, and noise that is the same in every window.
///
/// For every row of cores, the profile p(x) = mean over y of |I(x, y) − I(x − 1, y)| is taken; of the mean profile, the
/// power at one cycle per core and its harmonics is compared with that of the frequencies just beside. 1 is nothing.
public struct PeriodicMeter: Sendable {
    /// One cycle per core and its multiples up to this one.
    public static let harmonics = 8
    /// How many frequencies on either side are compared with, at most.
    public static let reach = 4

    /// Sine and cosine sums of one row of cores: for each harmonic, the frequencies from `-near` to `near` beside it.
    private typealias Spectrum = [(cosine: Double, sine: Double)]

    public let period: Int
    private var rows: [Spectrum] = []
    private var near = 0
    private var width = 0
    private var table: [(cosine: Double, sine: Double)] = []

    public init(period: Int) { self.period = period }

    /// How many rows of cores were measured.
    public var count: Int { rows.count }

    /// Measure the first `period` rows of a strip; strips narrower than three cores, or of another width, are left out.
    ///
    /// - Complexity: O(width · (period + harmonics · reach)).
    public mutating func add(_ strip: LumaStrip) {
        let periods = strip.width / period
        guard periods >= 3, strip.height >= period, width == 0 || width == periods * period else { return }
        if width == 0 {
            width = periods * period
            near = min(Self.reach, (periods - 1) / 2)
            table = (0..<width).map { step in
                let angle = 2 * Double.pi * Double(step) / Double(width)
                return (cos(angle), sin(angle))
            }
        }
        guard let profile = profile(strip) else { return }
        var spectrum: Spectrum = []
        for harmonic in 1...Self.harmonics {
            for offset in -near...near {
                let frequency = harmonic * periods + offset
                var (cosine, sine) = (0.0, 0.0)
                var index = 0
                for value in profile {
                    cosine += value * table[index].cosine
                    sine += value * table[index].sine
                    index = (index + frequency) % width
                }
                spectrum.append((cosine, sine))
            }
        }
        rows.append(spectrum)
    }

    /// Return the mean |difference| to the left of every column, less its mean; columns without pixels count as the mean.
    private func profile(_ strip: LumaStrip) -> [Double]? {
        var sums = [Double](repeating: 0, count: width)
        var counts = [Int](repeating: 0, count: width)
        for y in 0..<period {
            for x in 1..<width {
                let step = abs(strip.values[y * strip.width + x] - strip.values[y * strip.width + x - 1])
                guard step.isFinite else { continue }
                sums[x] += Double(step)
                counts[x] += 1
            }
        }
        let known = (0..<width).filter { counts[$0] > 0 }
        guard !known.isEmpty else { return nil }
        let mean = known.reduce(0) { $0 + sums[$1] / Double(counts[$1]) } / Double(known.count)
        return (0..<width).map { counts[$0] > 0 ? sums[$0] / Double(counts[$0]) - mean : 0 }
    }

    /// The power at the harmonics over the mean power beside them; nil without rows, or where all is flat.
    public var ratio: Double? { ratio(of: Array(rows.indices)) }

    /// The 95 % bootstrap interval over rows of cores.
    public var interval: ClosedRange<Double>? {
        Bootstrap.interval(count: rows.count, resamples: 200) { ratio(of: $0) }
    }

    private func ratio(of chosen: [Int]) -> Double? {
        let span = 2 * near + 1
        var lines = 0.0
        var beside = 0.0
        for index in 0..<Self.harmonics * span {
            var (cosine, sine) = (0.0, 0.0)
            for row in chosen where index < rows[row].count {
                cosine += rows[row][index].cosine
                sine += rows[row][index].sine
            }
            let power = cosine * cosine + sine * sine
            if index % span == near { lines += power } else { beside += power / Double(2 * near) }
        }
        return beside > 0 ? lines / beside : nil
    }
}
