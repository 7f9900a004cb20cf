import Canvas
import Crypto
import Denoiser
import Foundation
import Wire

/// A model file whose weights nobody reads: the engines of these tests make up their own predictions.
enum Fixture {
    static func configuration(embedding: Int = 4) throws -> ModelConfiguration {
        let json = """
            {"format": "tessera-model", "version": 1, "name": "double", "image_channels": 3, "factor": 4,
             "unshuffle": 2, "widths": [4], "blocks": [1], "attention": [false], "head_channels": 4, "groups": 2,
             "embedding": \(embedding), "sinusoid": 4, "encoder": {"channels": 2, "blocks": 0, "growth": 1},
             "scalars": [{"name": "timestep", "scale": 1}, {"name": "log2_resolution", "scale": 80}],
             "prediction": "v", "schedule": {"type": "linear", "beta_start": 0.0015, "beta_end": 0.0155, "steps": 1000},
             "normalisation": {"scale": 127.5, "offset": 127.5}, "window": 64, "margin": 16, "resolutions": [1, 1000],
             "defaults": {"sampler": "ddim", "steps": 4}, "licence": "CC0-1.0", "training_data": [],
             "recipe_digest": ""}
            """
        return try ModelConfiguration(json: Data(json.utf8))
    }

    /// Return the bytes of a model file; `embedding` makes it as large as a test needs.
    static func model(embedding: Int = 4) throws -> Data {
        let configuration = try configuration(embedding: embedding)
        let json = String(decoding: try JSONEncoder().encode(configuration), as: UTF8.self)
        var writer = SafetensorsWriter(metadata: ["tessera": json])
        for tensor in configuration.tensors {
            let count = tensor.shape.reduce(1, *)
            writer.append(tensor.name, (0..<count).map { Float($0 % 7) }, shape: tensor.shape)
        }
        return try writer.data()
    }

    static func digest(_ data: Data) -> ModelDigest { ModelDigest(bytes: Array(SHA256.hash(data: data)))! }

    static let geometry = try! WindowGeometry(core: 32, margin: 16)

    static func job(
        _ id: String = "job", model: Data, sampler: String = "ddim:4", noise: JobDescription.Noise = .canvas,
        profile: String? = nil
    ) -> JobDescription {
        JobDescription(
            jobID: id, model: digest(model), modelSize: UInt64(model.count), sampler: sampler, noise: noise, seed: 7,
            canvas: Canvas(surface: .plane(metresPerPixel: 100), baseZoom: 0, geometry: geometry),
            exactProfile: profile)
    }

    static func window(_ column: Int64, _ row: Int64 = 0, constant: Float = 6) -> WindowRequest {
        let condition = (0..<16 * 16 * 3).map {
            UInt8(truncatingIfNeeded: 31 &* $0 &+ 7 &* Int(column) &+ 13 &* Int(row))
        }
        return WindowRequest(
            core: Core(level: 1, column: column, row: row), constants: [constant], condition: condition)
    }
}

/// A directory that goes with its owner.
final class TemporaryDirectory {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appending(path: "tessera-worker-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(at: url)
    }
}
