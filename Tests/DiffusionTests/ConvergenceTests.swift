import Diffusion
import Testing

/// Return the largest distance from the exact flow, followed to the last noise level and denoised from there.
private func error(_ text: String, _ prediction: Prediction, spread: Double = 0.5) throws -> Double {
    let data = GaussianData(spread: spread)
    let start: [Float] = [-2.5, -1, -0.3, 0, 0.4, 1.2, 3]
    let (first, last) = (schedule.alphaBar[999], schedule.alphaBar[0])
    let images = try Sampler(text, prediction).images(of: data, from: start)
    return zip(start, images).map { start, image in
        let exact = data.clean(data.flow(Double(start), from: first, to: last), alphaBar: last)
        return abs(Double(image) - exact)
    }.max() ?? .infinity
}

@Suite(.serialized) struct Convergence {
    @Test(arguments: Prediction.allCases)
    func ddimConvergesToTheFlowInFirstOrder(prediction: Prediction) throws {
        let errors = try [25, 50, 100, 200].map { try error("ddim:\($0)", prediction) }
        for (coarse, fine) in zip(errors, errors.dropFirst()) {
            #expect(coarse / fine > 1.7 && coarse / fine < 2.6, "\(errors)")
        }
        #expect(try error("ddim:1000", prediction) < errors[0] / 25)
    }

    @Test(arguments: Prediction.allCases)
    func dpmIsAheadOfDDIM(prediction: Prediction) throws {
        for steps in [12, 50] {
            #expect(try error("dpm++:\(steps)", prediction) < error("ddim:\(steps)", prediction))
        }
        // Narrow data, as detail under a known condition is.
        let narrow = try error("dpm++:12", prediction, spread: 0.2)
        #expect(try narrow < error("ddim:12", prediction, spread: 0.2) / 3)
    }

    @Test func dpmConvergesFasterThanFirstOrder() throws {
        let errors = try [100, 200, 400].map { try error("dpm++:\($0)", .v) }
        for (coarse, fine) in zip(errors, errors.dropFirst()) { #expect(coarse / fine > 2.7, "\(errors)") }
    }

    @Test(arguments: Prediction.allCases)
    func fewStepsEvenInLogSNRAreNearer(prediction: Prediction) throws {
        for text in ["ddim:8", "ddim:12", "dpm++:8", "dpm++:12"] {
            #expect(try error("\(text):spacing=logsnr", prediction) < error(text, prediction) / 1.5, "\(text)")
        }
        #expect(try error("dpm++:12:spacing=logsnr", prediction) < error("dpm++:12", prediction) / 5)
    }

    /// With η the samples follow the data's distribution, whatever noise each step adds.
    @Test func stochasticDDIMKeepsTheDistribution() throws {
        let data = GaussianData()
        var generator = SplitMix(state: 1)
        let start = (0..<40_000).map { _ in generator.normal() }
        let streams = (0..<200).map { _ in (0..<start.count).map { _ in generator.normal() } }
        let images = try Sampler("ddim:200:eta=1", .v).images(of: data, from: start) { streams[$0][$1] }
        let mean = images.reduce(0) { $0 + Double($1) } / Double(images.count)
        let variance = images.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / Double(images.count)
        // Five standard errors, and the sampler's own error of first order.
        #expect(abs(mean - data.mean) < 5 * data.spread / 200 + 5e-3)
        #expect(abs(variance.squareRoot() / data.spread - 1) < 5 / 80_000.squareRoot() + 6e-2)
    }

    @Test func oneStepIsTheDenoiserItself() throws {
        let data = GaussianData()
        for text in ["ddim:1", "dpm++:1", "ddim:1:eta=1"] {
            for prediction in Prediction.allCases {
                let images = try Sampler(text, prediction).images(of: data, from: [1.5])
                let exact = data.clean(1.5, alphaBar: schedule.alphaBar[999])
                #expect(abs(Double(images[0]) - exact) < 4e-5)
            }
        }
    }
}

struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
        return z ^ z >> 31
    }

    /// The sum of twelve uniform values: mean 0, variance 1, normal enough.
    mutating func normal() -> Float {
        (0..<12).reduce(-6) { sum, _ in sum + Float.random(in: 0..<1, using: &self) }
    }
}
