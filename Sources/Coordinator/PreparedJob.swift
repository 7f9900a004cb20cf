import Canvas
import Denoiser
import Foundation
import Noise
import Pyramid
import Raster
import Scheduling
import Synchronization
import Wire

/// A job with everything it needs open: base map, model, plan and mosaic.
///
/// The base map and the mosaic are used by the store's thread, everything else is constant.
final class PreparedJob: Sendable {
    let id: JobID
    let request: JobRequest
    /// The mosaic's folder below the coordinator's directory; empty where it is the directory itself.
    let mosaicName: String
    let output: OpenMosaic
    let base: BaseMap
    let plan: Plan
    let description: JobDescription
    /// The model file as it is sent to workers.
    let modelBytes: Data
    private let scalars: [ModelConfiguration.Scalar]
    private let degradation: [Double]
    private let baseWalk: Mutex<HilbertWalk>
    private let repairs = Mutex(0)
    /// Damage found so often in one session is no accident any more.
    private static let repairLimit = 8

    init(
        id: JobID, request: JobRequest, mosaicName: String, output: OpenMosaic, base: BaseMap, plan: Plan,
        description: JobDescription, modelBytes: Data, scalars: [ModelConfiguration.Scalar], degradation: [Double]
    ) {
        self.id = id
        self.request = request
        self.mosaicName = mosaicName
        self.output = output
        self.base = base
        self.plan = plan
        self.description = description
        self.modelBytes = modelBytes
        self.scalars = scalars
        self.degradation = degradation
        baseWalk = Mutex(HilbertWalk(plan.sets[0]))
    }

    var mosaic: Mosaic { output.mosaic }

    /// Return the windows that are committed already, level by level.
    func doneCores() -> [CoreSet] {
        plan.sets.indices.map { mosaic.doneCores(level: $0) }
    }

    /// Set a damaged file aside; returns whether the job may go on.
    func repair(after error: any Error) -> Bool {
        guard case MosaicError.damaged(let file, _) = error,
            repairs.withLock({
                $0 += 1
                return $0 <= Self.repairLimit
            })
        else { return false }
        return (try? mosaic.repair(file)) == true
    }

    /// Read a window's condition from the stored pixels below it.
    func request(for core: Core) throws -> WindowRequest {
        if core.level == 1 { try storeBase(under: plan.canvas.geometry.conditionRect(core)) }
        return WindowRequest(core: core, constants: constants(of: core), condition: try mosaic.condition(for: core))
    }

    /// Return a request of the usual size without the pixels.
    func blankRequest(for core: Core) -> WindowRequest {
        let side = Int(plan.canvas.geometry.condition)
        return WindowRequest(
            core: core, constants: constants(of: core), condition: [UInt8](repeating: 128, count: 3 * side * side))
    }

    /// Return a core as it is to be stored: transparent where the base map has no data.
    func rendered(_ core: Core, pixels: [UInt8]) throws -> RenderedCore {
        let shift = Int64(2 * core.level)
        let rect = plan.canvas.geometry.coreRect(core)
        let right = (rect.x + rect.width - 1) >> shift
        let bottom = (rect.y + rect.height - 1) >> shift
        try storeBase(
            under: PixelRect(
                x: rect.x >> shift, y: rect.y >> shift, width: right - (rect.x >> shift) + 1,
                height: bottom - (rect.y >> shift) + 1))
        return RenderedCore(core: core, rgb: pixels, alpha: try mosaic.mask(for: core))
    }

    /// The model's scalars beside the timestep, in its order.
    private func constants(of core: Core) -> [Float] {
        ModelScalar.values(scalars, of: core, on: plan.canvas, degradation: degradation)
    }

    /// Store the next base tiles of the plan, so that the map is there to look at before any window is done.
    ///
    /// - Returns: Whether more are left.
    func storeNextBase(_ count: Int) throws -> Bool {
        for _ in 0..<count {
            guard let (column, row) = baseWalk.withLock({ $0.next() }) else { return false }
            try storeBase(under: plan.canvas.geometry.coreRect(Core(level: 0, column: column, row: row)))
        }
        return true
    }

    /// Warp and store the base tiles under pixels of level 0, whole tiles of the canvas grid, where they are not yet.
    private func storeBase(under rect: PixelRect) throws {
        let side = WindowGeometry.tile
        let perTile = plan.canvas.geometry.coresPerTile
        for y in rect.y.floorDivided(by: side)..<(rect.y + rect.height).ceilDivided(by: side) {
            for x in rect.x.floorDivided(by: side)..<(rect.x + rect.width).ceilDivided(by: side) {
                guard let core = plan.canvas.normalized(Core(level: 0, column: x * perTile, row: y * perTile)),
                    !mosaic.isDone(core)
                else { continue }
                let tile = plan.canvas.tile(of: core)
                guard try base.meets(tile) else { continue }
                try mosaic.storeBase([(tile, base.tile(tile))])
                try output.update(after: [core])
            }
        }
    }
}

/// The scalars this version can give a model, beside the timestep.
enum ModelScalar {
    static let resolution = "log2_resolution"
    static let degradation = "degradation"
    static let known = [resolution, degradation]

    static func values(
        _ scalars: [ModelConfiguration.Scalar], of core: Core, on canvas: Canvas, degradation: [Double]
    ) -> [Float] {
        scalars.map { scalar in
            scalar.name == resolution ? Float(canvas.log2Resolution(of: core)) : Float(degradation[core.level - 1])
        }
    }
}
