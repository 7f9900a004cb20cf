import Denoiser
import Testing

@testable import BLASEngine

/// Comparisons with the PyTorch module, computed in float64.
struct ReferenceTests {
    private static let tolerance = 1e-4

    /// bf16 is not held to fp32's bound; seen: 2e-2 at most.
    private static func tolerance(_ kernel: Kernel) -> Double { kernel == .amxBF16 ? 5e-2 : tolerance }

    @Test(arguments: Reference.names, Kernel.available)
    func predictionAgrees(_ name: String, _ kernel: Kernel) throws {
        let reference = try Reference(name)
        let expected = try reference.layers.floats("prediction")
        let (image, coarse) = try (reference.image, reference.coarse)
        let size = image.count / reference.count
        let coarseSize = coarse.count / reference.count
        let engine = try BLASEngine(model: reference.model, kernel: kernel)
        for index in 0..<reference.count {
            let trajectory = try engine.begin(
                conditions: Array(coarse[index * coarseSize..<(index + 1) * coarseSize]),
                constants: reference.constants[index], count: 1, window: reference.window)
            let range = index * size..<(index + 1) * size
            let actual = try trajectory.predict(Array(image[range]), timestep: reference.timesteps[index])
            let error = relativeError(actual, expected[range])
            #expect(error <= Self.tolerance(kernel), "\(name), \(kernel), window \(index)")
        }
    }

    @Test(arguments: Reference.names)
    func everyLayerAgrees(_ name: String) throws {
        let reference = try Reference(name)
        var kept: [String: [[Float]]] = [:]
        let (image, coarse) = try (reference.image, reference.coarse)
        let engine = try BLASEngine(model: reference.model)
        engine.probe = { layer, image in kept[layer, default: []].append(image.planar()) }
        engine.probeEmbedding = { kept["embed", default: []].append(Array($0)) }
        let trajectory = try engine.begin(
            conditions: coarse, constants: reference.constants.flatMap { $0 }, count: reference.count,
            window: reference.window)
        // A batch shares its timestep and the reference's windows do not: window i is read from step i.
        for timestep in try reference.timesteps { _ = try trajectory.predict(image, timestep: timestep) }

        for (layer, outputs) in kept {
            let expected = try reference.layers.floats(layer)
            let size = expected.count / reference.count
            for index in 0..<reference.count {
                let output =
                    outputs.count == reference.count ? outputs[index] : outputs[index * reference.count + index]
                let error = relativeError(output, expected[index * size..<(index + 1) * size])
                #expect(error <= Self.tolerance, "\(name), \(layer), window \(index)")
            }
        }
        let blocks = reference.layers.tensors.map(\.name).filter {
            $0.contains(".blocks.") || $0.contains(".attention.")
        }
        #expect(Set(blocks).isSubset(of: kept.keys))
        #expect(Set(["encoder.last", "embed", "unet.input", "unet.output"]).isSubset(of: kept.keys))
    }
}
