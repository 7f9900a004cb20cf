import Canvas
import Denoiser
import Diffusion
import Foundation
import Noise
import Pyramid
import Raster
import Scheduling
import Wire

/// What the pixels of a job come from: base map and model, opened and tested against the request.
struct JobSources {
    let base: BaseMap
    let modelBytes: Data
    let scalars: [ModelConfiguration.Scalar]
    /// A strength for each level, from 1.
    let degradation: [Double]
    /// The job as workers are told of it.
    let description: JobDescription
    /// The mosaic it belongs into.
    let mosaic: MosaicDescription

    /// - Throws: An error that says what is wrong with the request, the map or the model.
    init(_ request: JobRequest, id: JobID) throws {
        base = try BaseMap(
            path: request.base ?? BuiltinBaseMap.url().path, zoom: request.baseZoom,
            metresPerPixel: request.metresPerPixel ?? BaseMap.defaultMetresPerPixel, geometry: request.geometry)
        let modelURL = try request.model.map { URL(filePath: $0) } ?? BuiltinModel.url()
        modelBytes = try SafetensorsFile.read(modelURL)
        let model = try ModelFile(data: modelBytes)
        let configuration = model.configuration
        scalars = configuration.constants
        try Self.check(request, against: configuration)
        let defaults = configuration.defaults
        let sampler = try SamplerSpecification(parsing: request.sampler ?? defaults.samplerText)
        degradation = try Self.degradation(of: request, configuration: configuration, levels: request.levels)
        guard let digest = ModelDigest(hex: model.digest) else {
            throw CoordinatorError(.badRequest, "the model's digest \(model.digest) is not SHA-256")
        }
        mosaic = MosaicDescription(
            canvas: base.canvas, levels: request.levels,
            identity: MosaicIdentity([
                "model": .string(model.digest),
                "sampler": .string(sampler.description),
                "noise": .string(request.noise.rawValue),
                "base map": .string(try base.digest()),
                "seed": .string(String(request.seed)),
                "degradation": .string(degradation.map { "\($0)" }.joined(separator: " ")),
            ]),
            about: [
                "note": "Synthetic imagery: a diffusion model invented the detail; it shows no real place.",
                "base map": .string(request.base ?? BuiltinBaseMap.credit),
                "base map licence": .string(request.base == nil ? BuiltinBaseMap.licence : "not stated"),
                "model licence": .string(configuration.licence),
                "model": .string("\(configuration.name): \(configuration.trainingData.joined(separator: "; "))"),
                "software": .string("tessera \(Version.current)"),
            ])
        description = JobDescription(
            jobID: id, model: digest, modelSize: UInt64(modelBytes.count), sampler: sampler.description,
            noise: Self.wireNoise(request.noise), seed: request.seed, canvas: base.canvas)
    }

    private static func check(_ request: JobRequest, against model: ModelConfiguration) throws {
        guard model.factor == Int(WindowGeometry.factor) else {
            throw CoordinatorError(.badRequest, "the model adds detail ×\(model.factor), mosaics are made ×4 a level")
        }
        guard model.imageChannels == 3 else {
            throw CoordinatorError(.badRequest, "the model draws \(model.imageChannels) channels, mosaics have 3 (RGB)")
        }
        let window = Int(request.geometry.window)
        guard window % model.windowMultiple == 0 else {
            throw CoordinatorError(
                .badRequest,
                "a window of \(window) pixels (core + 2 margins) does not suit the model: take a multiple of "
                    + "\(model.windowMultiple)")
        }
        if let unknown = model.constants.first(where: { !ModelScalar.known.contains($0.name) }) {
            throw CoordinatorError(
                .badRequest,
                "the model wants a scalar \"\(unknown.name)\", which this version cannot give; it knows "
                    + ModelScalar.known.joined(separator: ", "))
        }
    }

    private static func degradation(
        of request: JobRequest, configuration: ModelConfiguration, levels: Int
    ) throws -> [Double] {
        let values: [Double]
        if let asked = request.degradation, let last = asked.last {
            values = (0..<levels).map { $0 < asked.count ? asked[$0] : last }
        } else {
            values = (1...levels).map { configuration.defaults.degradation?[$0] ?? 0 }
        }
        guard values.allSatisfy({ (0...1).contains($0) }) else {
            throw CoordinatorError(.badRequest, "degradation strengths lie from 0 (clean) to 1, not \(values)")
        }
        return values
    }

    private static func wireNoise(_ mode: NoiseMode) -> JobDescription.Noise {
        switch mode {
        case .canvas: .canvas
        case .shared: .shared
        case .periodic: .periodic
        case .independent: .independent
        }
    }
}
