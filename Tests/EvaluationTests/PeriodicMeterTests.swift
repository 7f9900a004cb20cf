import Evaluation
import Foundation
import Testing

@Suite struct PeriodicMeterTests {
    @Test func aLatticeIsFoundAndNoiseIsNot() throws {
        var plain = PeriodicMeter(period: 64)
        plain.add(SeamMeterTests.strip(step: 0))
        var lattice = PeriodicMeter(period: 128)
        lattice.add(SeamMeterTests.strip(step: 30))
        #expect(try #require(plain.ratio) < 3)
        #expect(try #require(lattice.ratio) > 5)
    }

    /// The ratio by its definition, as a plain Fourier sum.
    @Test func theRatioIsThatOfAPlainFourierSum() throws {
        let strip = SeamMeterTests.strip(step: 3)
        var meter = PeriodicMeter(period: 128)
        meter.add(strip)
        let profile = (0..<512).map { x -> Double in
            guard x > 0 else { return 0 }
            return (0..<128).reduce(0) { sum, y in
                sum + Double(abs(strip.values[y * 512 + x] - strip.values[y * 512 + x - 1])) / 128
            }
        }
        let mean = profile.dropFirst().reduce(0, +) / 511
        func power(_ frequency: Int) -> Double {
            var (cosine, sine) = (0.0, 0.0)
            for x in 1..<512 {
                let angle = 2 * Double.pi * Double(frequency * x) / 512
                cosine += (profile[x] - mean) * cos(angle)
                sine += (profile[x] - mean) * sin(angle)
            }
            return cosine * cosine + sine * sine
        }
        let lines = (1...8).reduce(0) { $0 + power(4 * $1) }
        let beside = (1...8).reduce(0) { $0 + power(4 * $1 - 1) + power(4 * $1 + 1) } / 2
        #expect(abs(try #require(meter.ratio) / (lines / beside) - 1) < 1e-9)
    }

    @Test func holesDoNotPassForALattice() throws {
        var meter = PeriodicMeter(period: 64)
        var strip = SeamMeterTests.strip(step: 0, hole: 10..<40)
        for row in 0..<512 { for column in 70..<90 { strip.values[row * 512 + column] = .nan } }
        meter.add(strip)
        #expect(try #require(meter.ratio) < 3)
    }

    @Test func theReportNamesRowsAndInterval() throws {
        let strips = (0..<4).map { _ in SeamMeterTests.strip(step: 30) }
        let periodic = try #require(SeamReport(core: 128, strips: strips)?.periodic)
        #expect(periodic.rows == 4 && periodic.interval[0] <= periodic.ratio && periodic.ratio <= periodic.interval[1])
    }

    @Test func narrowOrEmptyStripsHaveNone() {
        var meter = PeriodicMeter(period: 200)
        meter.add(SeamMeterTests.strip(step: 30))
        #expect(meter.ratio == nil && meter.interval == nil && meter.count == 0)
        var empty = PeriodicMeter(period: 128)
        empty.add(SeamMeterTests.strip(step: 0, hole: 0..<512))
        #expect(empty.ratio == nil && empty.count == 0)
    }
}
