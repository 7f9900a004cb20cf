import Denoiser
import Foundation
import Testing

@testable import BLASEngine

/// A model with random weights, inputs for two windows, and what PyTorch computes from them in float64.
struct Reference {
    /// The models that `network_reference.py` always makes, and those that it was given.
    static let names: [String] = {
        let required = ["tiny", "attention", "scalars", "small", "least"]
        guard let directory, let found = try? FileManager.default.contentsOfDirectory(atPath: directory) else {
            return required
        }
        let models = found.filter { FileManager.default.fileExists(atPath: "\(directory)/\($0)/model.safetensors") }
        return required + models.filter { !required.contains($0) }.sorted()
    }()

    static var directory: String? { ProcessInfo.processInfo.environment["TESSERA_REFERENCE"] }

    struct Missing: Error, CustomStringConvertible {
        let description: String
    }

    let model: ModelFile
    let layers: SafetensorsFile
    let count = 2

    init(_ name: String) throws {
        let remedy =
            "Run `PYTHONPATH=training python Tests/Reference/network_reference.py DIR` in the training environment and"
            + " set TESSERA_REFERENCE=DIR; `make test` does both."
        guard let path = Self.directory else {
            throw Missing(description: "TESSERA_REFERENCE is not set. " + remedy)
        }
        let folder = URL(fileURLWithPath: path).appendingPathComponent(name)
        do {
            model = try ModelFile(contentsOf: folder.appendingPathComponent("model.safetensors"))
            layers = try SafetensorsFile(contentsOf: folder.appendingPathComponent("layers.safetensors"))
        } catch {
            throw Missing(description: "\(folder.path): \(error) \(remedy)")
        }
    }

    var window: Int {
        get throws { try layers.tensor("image").shape[3] }
    }
    var image: [Float] {
        get throws { try layers.floats("image") }
    }
    var coarse: [Float] {
        get throws { try layers.floats("coarse") }
    }
    /// Each window's scalars in the configuration's order.
    var scalars: [[Float]] {
        get throws {
            let all = try layers.floats("scalars")
            let width = model.configuration.scalars.count
            return (0..<count).map { Array(all[$0 * width..<($0 + 1) * width]) }
        }
    }
    /// Each window's scalars without the timestep.
    var constants: [[Float]] {
        get throws {
            try scalars.map { row in
                row.indices.filter { $0 != model.configuration.timestepIndex }.map { row[$0] }
            }
        }
    }
    var timesteps: [Float] {
        get throws { try scalars.map { $0[model.configuration.timestepIndex] } }
    }
}

/// ‖actual − expected‖ / ‖expected‖.
func relativeError(_ actual: some Collection<Float>, _ expected: some Collection<Float>) -> Double {
    guard actual.count == expected.count else { return .infinity }
    var difference = 0.0
    var norm = 0.0
    for (a, e) in zip(actual, expected) {
        difference += (Double(a) - Double(e)) * (Double(a) - Double(e))
        norm += Double(e) * Double(e)
    }
    return (difference / norm).squareRoot()
}

extension DenoisingTrajectory {
    /// Run one step on arrays.
    func predict(_ x: [Float], timestep: Float) throws -> [Float] {
        var output = [Float](repeating: .nan, count: x.count)
        try x.withUnsafeBufferPointer { source in
            try output.withUnsafeMutableBufferPointer { try predict(source, timestep: timestep, into: $0) }
        }
        return output
    }
}
