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

    func close() {
        open.withLock { open in
            for output in open.values { output.mosaic.close() }
            open.removeAll()
        }
    }

    /// Open base map, model and mosaic of a request, and plan its windows.
    func prepare(_ request: JobRequest, id: JobID) throws -> PreparedJob {
        let sources = try JobSources(request, id: id)
        let base = sources.base
        let plan = try Plan(
            region: request.region ?? base.wholeRegion, levels: request.levels, canvas: base.canvas
        ) { level, candidates in
            try base.coverage(level: level, candidates: candidates)
        }
        plans.withLock { $0[id] = plan }
        let name = isSingle ? "" : try Self.name(of: sources.mosaic)
        return PreparedJob(
            id: id, request: request, mosaicName: name, output: try output(name, sources.mosaic, plan), base: base,
            plan: plan, description: sources.description, modelBytes: sources.modelBytes, scalars: sources.scalars,
            degradation: sources.degradation)
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
}
