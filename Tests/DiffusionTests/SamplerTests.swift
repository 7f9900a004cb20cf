import Foundation
import Testing

@testable import Diffusion

@Suite struct SamplerRuns {
    private static let texts = ["ddim:7", "ddim:7:eta=0.3", "dpm++:7"]

    /// Return a batch run with a network that mixes nothing between values.
    private func run(_ sampler: Sampler, _ start: [Float], noise: [[Float]]) throws -> [Float] {
        var x = start
        try x.withUnsafeMutableBufferPointer { x in
            try sampler.sample(
                x,
                noise: { step, z in
                    for i in z.indices { z[i] = noise[step][i] }
                },
                predict: { x, timestep, m in
                    for i in x.indices { m[i] = x[i] * 0.7 - Float(timestep) * 1e-4 * (1 - x[i] * x[i]) }
                })
        }
        return x
    }

    @Test(arguments: texts, Prediction.allCases)
    func aBatchGivesTheBitsOfItsParts(text: String, prediction: Prediction) throws {
        var generator = SplitMix(state: 4)
        let sampler = try Sampler(text, prediction)
        let start = (0..<100).map { _ in generator.normal() }
        let noise = (0..<7).map { _ in (0..<100).map { _ in generator.normal() } }
        let whole = try run(sampler, start, noise: noise)
        for size in [1, 3, 50] {
            var parts: [Float] = []
            for first in stride(from: 0, to: 100, by: size) {
                let range = first..<min(100, first + size)
                parts += try run(sampler, Array(start[range]), noise: noise.map { Array($0[range]) })
            }
            #expect(parts.map(\.bitPattern) == whole.map(\.bitPattern))
        }
    }

    @Test(arguments: texts)
    func closuresAreCalledInOrder(text: String) throws {
        let sampler = try Sampler(text, .v)
        var calls: [String] = []
        var x: [Float] = [0.5]
        try x.withUnsafeMutableBufferPointer { x in
            try sampler.sample(
                x, noise: { step, _ in calls.append("noise \(step)") },
                predict: { _, timestep, _ in calls.append("predict \(timestep)") },
                progress: { calls.append("done \($0)") })
        }
        let expected = sampler.steps.enumerated().flatMap { index, step in
            let noisy = text.contains("eta") && index < 6
            return ["predict \(step.timestep)"] + (noisy ? ["noise \(index + 1)"] : []) + ["done \(index + 1)"]
        }
        #expect(calls == expected)
    }

    @Test func throwingFromProgressCancels() throws {
        struct Cancelled: Error {}
        let sampler = try Sampler("dpm++:9", .epsilon)
        var asked = 0
        var x: [Float] = [0.5, 1]
        #expect(throws: Cancelled.self) {
            try x.withUnsafeMutableBufferPointer { x in
                try sampler.sample(
                    x, noise: { _, _ in }, predict: { _, _, _ in asked += 1 },
                    progress: { if $0 == 3 { throw Cancelled() } })
            }
        }
        #expect(asked == 3)
    }
}

@Suite struct Coefficients {
    @Test(arguments: TimestepSpacing.allCases) func timestepsFallFromTheLastToTheFirst(spacing: TimestepSpacing) {
        for count in 1...1000 {
            let timesteps = spacing.timesteps(count, of: schedule)
            #expect(timesteps.count == count && timesteps.first == 999)
            #expect(count == 1 || timesteps.last == 0)
            #expect(zip(timesteps, timesteps.dropFirst()).allSatisfy(>))
        }
        #expect(spacing.timesteps(1000, of: schedule) == (0..<1000).reversed())
    }

    @Test(arguments: ["ddim:1", "ddim:50", "ddim:20:eta=1", "dpm++:2", "dpm++:50"], Prediction.allCases)
    func theLastStepEndsAtTheCleanImage(text: String, prediction: Prediction) throws {
        let last = try #require(Sampler(text, prediction).steps.last)
        #expect(last.sample == last.cleanSample && last.output == last.cleanOutput)
        #expect(last.history == 0 && last.noise == 0)
    }

    @Test(arguments: Prediction.allCases)
    func dpmStartsAsDDIM(prediction: Prediction) throws {
        let dpm = try Sampler("dpm++:30", prediction).steps[0]
        let ddim = try Sampler("ddim:30", prediction).steps[0]
        #expect(dpm.history == 0)
        #expect(abs(dpm.sample - ddim.sample) < 1e-6 && abs(dpm.output - ddim.output) < 1e-6)
    }

    /// The variance of x stays 1 for data of variance 1, whatever η: direction² + noise² = 1 − ᾱ.
    @Test(arguments: [0, 0.25, 1.0])
    func ddimKeepsTheVariance(eta: Double) throws {
        let specification = try SamplerSpecification(.ddim(eta: eta), steps: 40)
        let steps = try Sampler(specification, schedule: schedule, prediction: .epsilon).steps
        for (step, next) in zip(steps, steps.dropFirst()) {
            let (now, then) = (schedule.alphaBar[step.timestep], schedule.alphaBar[next.timestep])
            let clean = (then / now).squareRoot()
            #expect(abs(Double(step.sample) - clean) < 1e-6)
            let direction = Double(step.output) + clean * (1 - now).squareRoot()
            let variance = direction * direction + Double(step.noise) * Double(step.noise)
            #expect(abs(variance - (1 - then)) < 1e-5)
        }
    }

    @Test func theLogarithmIsTheLogarithm() {
        var generator = SplitMix(state: 9)
        for _ in 0..<10_000 {
            let x = exp(Double.random(in: -30...30, using: &generator))
            #expect(abs(portableLog(x) - log(x)) <= 4 * 0x1p-52 * max(1, abs(log(x))))
        }
        #expect(portableLog(1) == 0)
    }
}
