import Diffusion
import Foundation
import Testing

@Suite struct Specification {
    @Test(arguments: [
        "ddim:1", "ddim:50", "ddim:50:eta=0.5", "ddim:1000:eta=1", "ddim:3:eta=1e-05", "dpm++:12",
        "dpm++:10:spacing=logsnr", "ddim:50:eta=0.5:spacing=logsnr",
    ])
    func canonicalTextsComeBack(text: String) throws {
        let specification = try SamplerSpecification(parsing: text)
        #expect(specification.description == text)
        let data = try JSONEncoder().encode([specification])
        #expect(try JSONDecoder().decode([SamplerSpecification].self, from: data) == [specification])
    }

    @Test(arguments: [
        ["ddim:50", "ddim:50:eta=0", "ddim:050:eta=0.0", "ddim:50:eta=-0"],
        ["ddim:9:eta=1", "ddim:9:eta=1.0"], ["dpm++:9", "dpm++:9:spacing=t"],
        ["ddim:9:eta=1:spacing=logsnr", "ddim:9:spacing=logsnr:eta=1"],
        ["ddim:9:eta=0.5", "ddim:9:eta=.5", "ddim:9:eta=5e-1"],
    ])
    func equalSamplersHaveOneText(texts: [String]) throws {
        let specifications = try texts.map { try SamplerSpecification(parsing: $0) }
        #expect(Set(specifications).count == 1)
        #expect(Set(specifications.map(\.description)) == [texts[0]])
    }

    @Test(arguments: [
        ["", "use ddim or dpm++"], ["DDIM:5", "use ddim or dpm++"], ["euler:5", "\"euler\""],
        ["ddim", "number of steps"],
        ["ddim:", "number of steps"], ["dpm++:x", "number of steps"], ["dpm++:12.5", "number of steps"],
        ["ddim:99999999999999999999", "number of steps"], ["ddim:0", "0 steps"], ["ddim:1001", "1001 steps"],
        ["dpm++:-3", "-3 steps"], ["ddim:5:eta=2", "eta 2.0"], ["ddim:5:eta=-0.1", "eta -0.1"],
        ["ddim:5:eta=nan", "eta nan"], ["ddim:5:eta=", "eta="], ["ddim:5:seed=1", "\"seed=1\""],
        ["dpm++:5:eta=0", "\"eta=0\""], ["ddim:5:eta=0:eta=0", "not understood"], ["ddim:5:", "not understood"],
        ["dpm++:5:spacing=karras", "\"spacing=karras\""], ["dpm++:5:spacing=t:spacing=logsnr", "not understood"],
    ])
    func badTextsAreNamed(text: [String]) {
        let error = #expect(throws: DiffusionError.self) { try SamplerSpecification(parsing: text[0]) }
        #expect(error?.description.contains(text[1]) == true, "\(error?.description ?? "no error")")
    }

    @Test func moreStepsThanTheScheduleAreRefused() throws {
        let short = try NoiseSchedule(linearBetaFrom: 0.01, to: 0.02, steps: 20)
        let twenty = try SamplerSpecification(parsing: "ddim:20")
        #expect(try Sampler(twenty, schedule: short, prediction: .v).steps.map(\.timestep) == (0..<20).reversed())
        #expect(throws: DiffusionError.self) {
            try Sampler(SamplerSpecification(parsing: "ddim:21"), schedule: short, prediction: .v)
        }
    }

    @Test(arguments: [
        [0, 0.01, 100], [-0.1, 0.01, 100], [0.02, 0.01, 100], [0.01, 1, 100], [.nan, 0.01, 100], [0.01, .nan, 100],
        [0.01, .infinity, 100], [0.001, 0.02, 1], [0.001, 0.02, 1e9], [0.5, 0.9, 1000],
    ])
    func impossibleSchedulesAreRefused(numbers: [Double]) {
        #expect(throws: DiffusionError.self) {
            try NoiseSchedule(linearBetaFrom: numbers[0], to: numbers[1], steps: Int(numbers[2]))
        }
    }
}
