import Canvas
import Foundation
import Noise
import Testing

/// 2²⁴ values of one plane; every bound below is five standard errors of that many (or fewer) samples.
private let sheet = Sheet()

private struct Sheet {
    static let side = 4096
    let values: [Float]

    init() {
        let field = NoiseField(seed: 2024, mode: .canvas, canvas: plane)
        let side = Int64(Self.side)
        values = field.rect(PixelRect(x: -1000, y: -2000, width: side, height: side))
    }
}

private func errors(_ count: Int, variance: Double = 1) -> Double { 5 * (variance / Double(count)).squareRoot() }

/// Return the mean of a·b and of (a² − 1)(b² − 1); both are zero for independent normal values.
private func dependence(_ a: ArraySlice<Float>, _ b: ArraySlice<Float>) -> (linear: Double, square: Double) {
    var linear = 0.0
    var square = 0.0
    for (a, b) in zip(a, b) {
        let (x, y) = (Double(a), Double(b))
        linear += x * y
        square += (x * x - 1) * (y * y - 1)
    }
    return (linear / Double(a.count), square / Double(a.count))
}

private func expectIndependent(_ a: ArraySlice<Float>, _ b: ArraySlice<Float>, _ what: String) {
    let found = dependence(a, b)
    #expect(abs(found.linear) < errors(a.count), "\(what): linear")
    #expect(abs(found.square) < errors(a.count, variance: 4), "\(what): squares")
}

@Suite struct Distribution {
    @Test func momentsAreThoseOfTheNormalDistribution() {
        let count = sheet.values.count
        var sums = SIMD4<Double>()
        for value in sheet.values {
            let x = Double(value)
            sums += SIMD4(x, x * x, x * x * x, x * x * x * x)
        }
        let moments = sums / Double(count)
        #expect(count >= 10_000_000)
        #expect(abs(moments[0]) < errors(count))
        #expect(abs(moments[1] - 1) < errors(count, variance: 2))
        #expect(abs(moments[2]) < errors(count, variance: 15))
        #expect(abs(moments[3] - 3) < errors(count, variance: 96))
    }

    @Test func kolmogorovSmirnov() {
        let sorted = sheet.values.sorted()
        let count = Double(sorted.count)
        var distance = 0.0
        for (rank, value) in sorted.enumerated() {
            let expected = erfc(-Double(value) * 0.5.squareRoot()) / 2
            distance = max(distance, expected - Double(rank) / count, Double(rank + 1) / count - expected)
        }
        // Kolmogorov's distribution: exceeded with a probability of 2·exp(−2·2.5²) = 7e-6.
        #expect(distance * count.squareRoot() < 2.5)
    }

    @Test(arguments: [2.0, 3.0, 4.0, 4.5, 5.0])
    func tailsHoldTheirShare(sigma: Double) {
        for side in [Float(1), -1] {
            let found = sheet.values.reduce(0) { $0 + ($1 * side > Float(sigma) ? 1.0 : 0) }
            let expected = erfc(sigma * 0.5.squareRoot()) / 2 * Double(sheet.values.count)
            #expect(found > 0)
            #expect(abs(found - expected) < 5 * expected.squareRoot())
        }
        #expect(sheet.values.allSatisfy { abs($0) < 6.661 })
    }

    /// All lags at which words of one block, or neighbouring blocks, lie.
    @Test(arguments: [1, 2, 3, 15, 16, 17, 32, 48, 64, 128, 4096])
    func noDependenceAlongARow(lag: Int) {
        let values = sheet.values
        expectIndependent(values.dropLast(lag), values.dropFirst(lag), "lag \(lag)")
    }

    @Test(arguments: [1, 2, 64, 128])
    func noDependenceAlongAColumn(lag: Int) {
        let values = sheet.values
        let step = lag * Sheet.side
        expectIndependent(values.dropLast(step), values.dropFirst(step), "lag \(lag)")
        expectIndependent(values.dropLast(step + lag), values.dropFirst(step + lag), "diagonal \(lag)")
    }

    @Test func noDependenceBetweenChannelsLevelsSeedsAndStreams() {
        let side = Int64(Sheet.side)
        let rect = PixelRect(x: -1000, y: -2000, width: side, height: side)
        let field = NoiseField(seed: 2024, mode: .canvas, canvas: plane)
        let base = sheet.values[...]
        expectIndependent(base, field.rect(rect, level: 2)[...], "level")
        expectIndependent(base, field.rect(rect, stream: 1)[...], "stream")
        for seed: UInt64 in [2025, 2024 + 1 << 32, ~2024] {
            let other = NoiseField(seed: seed, mode: .canvas, canvas: plane)
            expectIndependent(base, other.rect(rect)[...], "seed \(seed)")
        }
        let half = PixelRect(x: rect.x, y: rect.y, width: side, height: side / 2)
        let planes = field.rect(half, channels: 3)
        let count = planes.count / 3
        for (a, b) in [(0, 1), (1, 2), (0, 2)] {
            expectIndependent(
                planes[a * count..<(a + 1) * count], planes[b * count..<(b + 1) * count], "channels \(a), \(b)")
        }
    }
}
