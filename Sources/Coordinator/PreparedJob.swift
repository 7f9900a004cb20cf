import Canvas
import Denoiser
import Foundation
import Noise
import Pyramid
import Raster
import Scheduling
import Wire

/// A job with everything it needs open: base map, model, plan and mosaic.
///
/// The base map and the mosaic are used by the store's thread, everything else is constant.
final class PreparedJob: Sendable {
    let id: JobID
    let request: JobRequest
    /// The mosaic's folder below the coordinator's directory; empty where it is the directory itself.
    let mosaicName: String
    let mosaic: Mosaic
    let base: BaseMap
    let plan: Plan
    let description: JobDescription
    /// The model file as it is sent to workers.
    let modelBytes: Data
    private let scalars: [ModelConfiguration.Scalar]
    private let degradation: [Double]

    init(
        id: JobID, request: JobRequest, mosaicName: String, mosaic: Mosaic, base: BaseMap, plan: Plan,
        description: JobDescription, modelBytes: Data, scalars: [ModelConfiguration.Scalar], degradation: [Double]
    ) {
        self.id = id
        self.request = request
        self.mosaicName = mosaicName
        self.mosaic = mosaic
        self.base = base
        self.plan = plan
        self.description = description
        self.modelBytes = modelBytes
        self.scalars = scalars
        self.degradation = degradation
    }

    /// Return the windows that are committed already, level by level.
    func doneCores() throws -> [CoreSet] {
        try plan.sets.indices.map { $0 == 0 ? CoreSet.empty : try mosaic.doneCores(level: $0) }
    }

    /// Read a window's condition from the stored pixels below it; base pixels are stored first where they are not yet.
    func request(for core: Core) throws -> WindowRequest {
        if core.level == 1 { try storeBase(under: core) }
        return WindowRequest(core: core, constants: constants(of: core), condition: try mosaic.condition(for: core))
    }

    /// The model's scalars beside the timestep, in its order.
    private func constants(of core: Core) -> [Float] {
        scalars.map { scalar in
            scalar.name == ModelScalar.resolution
                ? Float(plan.canvas.log2Resolution(of: core)) : Float(degradation[core.level - 1])
        }
    }

    /// Warp and store the base tiles under a window of level 1, whole tiles of the canvas grid at a time.
    private func storeBase(under core: Core) throws {
        for parent in plan.canvas.parents(of: core) {
            let tile = plan.canvas.tile(of: parent)
            if try !mosaic.hasBase(tile) { try mosaic.storeBase(tile, base.tile(tile)) }
        }
    }
}

/// The scalars this version can give a model, beside the timestep.
enum ModelScalar {
    static let resolution = "log2_resolution"
    static let degradation = "degradation"
    static let known = [resolution, degradation]
}
