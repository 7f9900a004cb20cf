import Canvas
import Crypto
import Denoiser
import Diffusion
import Foundation
import Noise
import Pyramid
import Raster
import Scheduling
import Synchronization
import Wire

/// Opens what a job needs, and keeps the mosaics of a directory open.
final class MosaicLibrary: Sendable {
    private let directory: URL
    private let isSingle: Bool
    private let open = Mutex<[String: OpenMosaic]>([:])
    private let plans = Mutex<[JobID: Plan]>([:])

    init(directory: URL, isSingle: Bool) {
        self.directory = directory
        self.isSingle = isSingle
    }

    var names: [String] { open.withLock { $0.keys.sorted() } }

    func opened(_ name: String) -> Mosaic? { open.withLock { $0[name]?.mosaic } }

    /// The plan of a job that was prepared since the start.
    func plan(of id: JobID) -> Plan? { plans.withLock { $0[id] } }

    func close() { open.withLock { $0.removeAll() } }

    /// Open base map, model and mosaic of a request, and plan its windows.
    func prepare(_ request: JobRequest, id: JobID) throws -> PreparedJob {
        let base = try BaseMap(
            path: request.base ?? BuiltinBaseMap.url().path, zoom: request.baseZoom,
            metresPerPixel: request.metresPerPixel ?? BaseMap.defaultMetresPerPixel, geometry: request.geometry)
        let modelURL = try request.model.map { URL(filePath: $0) } ?? BuiltinModel.url()
        let modelBytes = try SafetensorsFile.read(modelURL)
        let model = try ModelFile(data: modelBytes)
        let configuration = model.configuration
        try check(request, against: configuration)
        let defaults = configuration.defaults
        let sampler = try SamplerSpecification(parsing: request.sampler ?? defaults.samplerText)
        let plan = try Plan(
            region: request.region ?? base.wholeRegion, levels: request.levels, canvas: base.canvas
        ) { level, candidates in
            try base.coverage(level: level, candidates: candidates)
        }
        plans.withLock { $0[id] = plan }
        let degradation = try degradation(of: request, configuration: configuration, levels: request.levels)
        guard let digest = ModelDigest(hex: model.digest) else {
            throw CoordinatorError(.badRequest, "the model's digest \(model.digest) is not SHA-256")
        }
        let mosaicDescription = MosaicDescription(
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
                "model": .string("\(configuration.name): \(configuration.trainingData.joined(separator: "; "))"),
                "software": .string("tessera \(Version.current)"),
            ])
        let name = isSingle ? "" : try Self.name(of: mosaicDescription)
        return PreparedJob(
            id: id, request: request, mosaicName: name, output: try output(name, mosaicDescription, plan), base: base,
            plan: plan,
            description: JobDescription(
                jobID: id, model: digest, modelSize: UInt64(modelBytes.count), sampler: sampler.description,
                noise: Self.wireNoise(request.noise), seed: request.seed, canvas: base.canvas),
            modelBytes: modelBytes, scalars: configuration.constants, degradation: degradation)
    }

    /// Jobs of one identity share a mosaic; its folder is named after the digest of that identity.
    private static func name(of mosaic: MosaicDescription) throws -> String {
        var identifying = mosaic
        identifying.about = [:]
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let digest = SHA256.hash(data: try encoder.encode(identifying))
        return digest.prefix(6).map { String(format: "%02x", $0) }.joined()
    }

    private func output(_ name: String, _ description: MosaicDescription, _ plan: Plan) throws -> OpenMosaic {
        try open.withLock { open in
            let output =
                try open[name]
                ?? OpenMosaic(
                    Mosaic(directory: isSingle ? directory : directory.appending(path: name), job: description))
            try output.add(plan)
            open[name] = output
            return output
        }
    }

    private func check(_ request: JobRequest, against model: ModelConfiguration) throws {
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

    private func degradation(
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
