import Evaluation
import Testing

@Suite struct SeamMeterTests {
    /// White noise, with a step of `step` grey levels from one core to the next in a checkerboard.
    static func strip(step: Float, smooth: Bool = false, hole: Range<Int>? = nil) -> LumaStrip {
        var strip = LumaStrip(x: -64, y: 256, width: 512, height: 512)
        var state: UInt64 = 88_172_645_463_325_252
        for row in 0..<512 {
            for column in 0..<512 {
                state ^= state << 13
                state ^= state >> 7
                state ^= state << 17
                let noise = Float(state >> 40) / Float(1 << 24) * 40
                let core = (column + 64) / 128 + (row + 256) / 128
                strip.values[row * 512 + column] = 100 + noise + (core % 2 == 0 ? step : 0)
            }
        }
        if smooth {
            for row in 0..<512 {
                for column in stride(from: 64, to: 512, by: 128) {
                    strip.values[row * 512 + column] = strip.values[row * 512 + column - 1]
                }
            }
        }
        if let hole {
            for row in hole { for column in 0..<512 { strip.values[row * 512 + column] = .nan } }
        }
        return strip
    }

    @Test func aTextureWithoutSeamsReadsOne() throws {
        let report = try #require(SeamReport(core: 128, strips: [Self.strip(step: 0)]))
        #expect(abs(report.seams.ratio - 1) < 0.02)
        #expect(abs(report.null.ratio - 1) < 0.02)
        #expect(report.seams.interval[0] < 1 && report.seams.interval[1] > 1)
    }

    @Test func stepsReadAboveAndSmearsBelow() throws {
        let steps = try #require(SeamReport(core: 128, strips: [Self.strip(step: 40)]))
        #expect(steps.seams.ratio > 2)
        #expect(abs(steps.null.ratio - 1) < 0.02, "lines that are no seam do not see the steps")
        let smears = try #require(SeamReport(core: 128, strips: [Self.strip(step: 0, smooth: true)]))
        #expect(smears.seams.ratio < 0.7)
    }

    @Test func pixelsWithoutDataAreLeftOut() throws {
        let report = try #require(SeamReport(core: 128, strips: [Self.strip(step: 40, hole: 100..<300)]))
        #expect(report.seams.ratio.isFinite && report.seams.ratio > 2)
    }

    @Test func aFlatPictureHasNoRatio() {
        var strip = LumaStrip(x: 0, y: 0, width: 512, height: 512)
        strip.values = strip.values.map { _ in 50 }
        #expect(SeamReport(core: 128, strips: [strip]) == nil)
    }

    @Test func stripsSeeEachHorizontalEdgeOnce() throws {
        let whole = Self.strip(step: 10)
        func part(_ rows: Range<Int>) -> LumaStrip {
            var part = LumaStrip(x: whole.x, y: whole.y + Int64(rows.lowerBound), width: 512, height: rows.count)
            part.values = Array(whole.values[rows.lowerBound * 512..<rows.upperBound * 512])
            return part
        }
        var once = SeamMeter(period: 128)
        once.add(whole)
        var twice = SeamMeter(period: 128)
        let cut = 256
        twice.add(part(0..<cut))
        let horizontal = SeamMeter.overlap
        twice.add(part(cut - horizontal..<512))
        let first = try #require(once.ratio)
        let second = try #require(twice.ratio)
        #expect(abs(first - second) < 0.01)
    }
}
