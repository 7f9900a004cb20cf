import Denoiser
import Diffusion
import Foundation
import Testing

@testable import BLASEngine

/// A finished window against PyTorch's whole fp32 pipeline: the same noise, condition, weights and sampler.
struct WindowTests {
    /// The kernels that keep the promise of fp32, but for the slowest.
    static let kernels = Kernel.available.filter { $0 != .amxBF16 && ($0 != .baseline || Kernel.fastest == .baseline) }

    @Test(arguments: kernels)
    func pixelsAreWithinOneGreyLevel(_ kernel: Kernel) throws {
        #expect(try Self.share(kernel, within: 1) >= 0.999)
    }

    /// bf16 promises less.
    @Test(.enabled(if: Kernel.amxBF16.isAvailable))
    func pixelsOfBF16AreNear() throws {
        #expect(try Self.share(.amxBF16, within: 1) >= 0.95)
    }

    /// The share of pixels that differ from PyTorch's by no more than so many grey levels.
    private static func share(_ kernel: Kernel, within levels: Double) throws -> Double {
        let folder = URL(fileURLWithPath: try #require(Reference.directory))
        let reference = try SafetensorsFile(contentsOf: folder.appending(path: "window.safetensors"))
        let model = try ModelFile(contentsOf: BuiltinModel.url())
        let configuration = model.configuration
        let engine = try BLASEngine(model: model, kernel: kernel)
        let trajectory = try engine.begin(
            conditions: reference.floats("coarse"), constants: reference.floats("constants"), count: 1,
            window: configuration.window)
        let defaults = configuration.defaults
        let schedule = try NoiseSchedule(
            linearBetaFrom: configuration.schedule.betaStart, to: configuration.schedule.betaEnd,
            steps: configuration.schedule.steps)
        let sampler = try Sampler(
            SamplerSpecification(parsing: "\(defaults.sampler):\(defaults.steps)"), schedule: schedule,
            prediction: configuration.prediction == .v ? .v : .epsilon)
        var values = try reference.floats("noise")
        try values.withUnsafeMutableBufferPointer {
            try sampler.sample(
                $0, noise: { _, _ in },
                predict: { try trajectory.predict($0, timestep: Float($1), into: $2) })
        }
        let (scale, offset) = (configuration.normalisation.scale, configuration.normalisation.offset)
        let expected = try reference.floats("pixels")
        let near = zip(values, expected).count {
            abs(min(max((Double($0) * scale + offset).rounded(), 0), 255) - Double($1)) <= levels
        }
        return Double(near) / Double(expected.count)
    }
}
