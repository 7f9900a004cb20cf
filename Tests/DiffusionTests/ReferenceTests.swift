import Testing

@testable import Diffusion

@Suite struct AgainstTheReference {
    let reference: Reference

    init() throws { reference = try Reference.read() }

    @Test func scheduleAndTimestepsAgree() {
        #expect(schedule.alphaBar.count == reference.alphaBar.count)
        for (mine, theirs) in zip(schedule.alphaBar, reference.alphaBar) {
            #expect(abs(mine / theirs - 1) < 1e-13)
        }
        for expected in reference.timesteps {
            #expect(TimestepSpacing.timestep.timesteps(expected.count, of: schedule) == expected)
        }
        for expected in reference.timestepsByLogSNR {
            #expect(TimestepSpacing.logSNR.timesteps(expected.count, of: schedule) == expected)
        }
    }

    @Test func coefficientsAgree() throws {
        for item in reference.cases {
            let sampler = try Sampler(item.sampler, item.prediction)
            #expect(sampler.steps.count == item.coefficients.count)
            for (step, expected) in zip(sampler.steps, item.coefficients) {
                let mine = [step.sample, step.output, step.history, step.noise]
                for (mine, theirs) in zip(mine, expected) {
                    // Half a unit in the last place of single precision, and the cancellation of the reference.
                    #expect(abs(Double(mine) - theirs) <= 6.1e-8 * abs(theirs) + 1e-12, "\(item.sampler) \(step)")
                }
            }
        }
    }

    @Test func resultsAgree() throws {
        let data = GaussianData(mean: reference.mean, spread: reference.spread)
        for item in reference.cases {
            let sampler = try Sampler(item.sampler, item.prediction)
            let images = try sampler.images(of: data, from: reference.start) { reference.noise[$0 - 1][$1] }
            // A step of few subtracts terms of x / √ᾱ, single precision rounds each, and later steps pass it on.
            let largest = sampler.steps.map { Double(abs($0.sample)) }.max() ?? 0
            let tolerance = 4e-6 + 8 * 0x1p-23 * largest
            for (mine, theirs) in zip(images, item.result) {
                #expect(abs(Double(mine) - theirs) < tolerance, "\(item.sampler) \(item.prediction)")
            }
        }
    }
}
