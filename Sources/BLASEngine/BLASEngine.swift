internal import COpenBLAS
public import Denoiser

/// Runs a model on the CPU: convolutions by kernels that suit it, attention on OpenBLAS's matrix product.
///
/// A window's bits depend on the model, the window's inputs and ``profile`` only: OpenBLAS runs on one thread a call,
/// and neither batch nor threads change which numbers are added in which order.
public final class BLASEngine: DenoisingEngine {
    public let profile: String
    public let configuration: ModelConfiguration

    let network: Network
    private let kernel: Kernel
    private let team: Team
    private let alone = Team(threads: 1)
    private var workspaces: [Int: [Workspace]] = [:]
    private var timesteps: [UInt32: FloatBuffer] = [:]
    private static let keptTimesteps = 1000
    /// Receives every layer's output; with it set, windows run one after another.
    var probe: ((String, Image) -> Void)?
    var probeEmbedding: ((UnsafeBufferPointer<Float>) -> Void)?

    /// Prepare a model.
    ///
    /// - Parameters:
    ///   - threads: the threads that compute, the calling one included. Whole windows run in parallel; what remains of
    ///     a batch is shared layer by layer.
    ///   - kernel: must be available.
    /// - Throws: `SafetensorsError` for weights that are not finite; `EngineError` for a kernel that this machine cannot
    ///   run.
    public init(model: ModelFile, threads: Int = 1, kernel: Kernel = .fastest) throws {
        guard kernel.isAvailable else {
            throw EngineError(
                "this machine cannot run the kernel \(kernel.rawValue)",
                remedy: "It can run \(Kernel.available.map(\.rawValue).joined(separator: ", ")).")
        }
        openblas_set_num_threads(1)
        self.kernel = kernel
        profile = BLASRuntime.profile(kernel)
        configuration = model.configuration
        network = try Network(model, kernel: kernel)
        team = Team(threads: threads)
    }

    public func begin(
        conditions: [Float], constants: [Float], count: Int, window: Int
    ) throws -> any DenoisingTrajectory {
        try configuration.checkBatch(
            conditions: conditions.count, constants: constants.count, count: count, window: window)
        let trajectory = BLASTrajectory(self, count: count, window: window)
        constants.withUnsafeBufferPointer { constants in
            guard let base = constants.baseAddress else { return }
            for index in 0..<count {
                let width = configuration.scalars.count - 1
                network.embedConstants(base + index * width, into: trajectory.embedding(index))
            }
        }
        let size = conditions.count / count
        conditions.withUnsafeBufferPointer { conditions in
            guard let base = conditions.baseAddress else { return }
            forEachWindow(count, window: window) { index, workspace in
                network.encoder(base + index * size, workspace)
                network.unet.condition(workspace.features, into: trajectory.condition(index), workspace)
            }
        }
        return trajectory
    }

    /// The embedding of a timestep, kept for the trajectories to come: a sampler asks for the same few in each.
    func embedding(timestep: Float) -> UnsafePointer<Float> {
        if let known = timesteps[timestep.bitPattern] { return UnsafePointer(known.pointer) }
        if timesteps.count == Self.keptTimesteps { timesteps.removeAll(keepingCapacity: true) }
        let fresh = FloatBuffer(count: configuration.embedding)
        network.embedTimestep(timestep, into: fresh.pointer)
        timesteps[timestep.bitPattern] = fresh
        return UnsafePointer(fresh.pointer)
    }

    /// Call `body` for every window of a batch with a workspace of its own.
    func forEachWindow(_ count: Int, window: Int, _ body: (_ index: Int, _ workspace: Workspace) -> Void) {
        let whole = team.lanes > 1 && probe == nil ? count / team.lanes * team.lanes : 0
        let workspaces = prepare(window: window, count: whole > 0 ? team.lanes : 1)
        if whole > 0 {
            for workspace in workspaces { workspace.team = alone }
            team.forEach(whole) { index, lane in body(index, workspaces[lane]) }
        }
        workspaces[0].team = team
        workspaces[0].probe = probe
        for index in whole..<count { body(index, workspaces[0]) }
    }

    private func prepare(window: Int, count: Int) -> [Workspace] {
        var ready = workspaces[window] ?? []
        while ready.count < count {
            ready.append(Workspace(configuration, kernel: kernel, window: window, team: ready.isEmpty ? team : alone))
            workspaces[window] = ready
        }
        return ready
    }
}

/// A batch on its way; see ``BLASEngine``.
final class BLASTrajectory: DenoisingTrajectory {
    let count: Int
    let window: Int
    private let engine: BLASEngine
    private let images = ImageStore()
    private let conditions: [Image]
    private let embeddings: FloatBuffer

    init(_ engine: BLASEngine, count: Int, window: Int) {
        let configuration = engine.configuration
        self.engine = engine
        self.count = count
        self.window = window
        let side = window / configuration.unshuffle
        conditions = (0..<count).map { [images] _ in images.make(channels: configuration.widths[0], side: side) }
        embeddings = FloatBuffer(count: count * configuration.embedding)
    }

    /// A window's share of the input convolution that its condition makes.
    func condition(_ index: Int) -> Image { conditions[index] }

    /// A window's embedding of the constant scalars.
    func embedding(_ index: Int) -> UnsafeMutablePointer<Float> {
        embeddings.pointer + index * engine.configuration.embedding
    }

    func predict(
        _ x: UnsafeBufferPointer<Float>, timestep: Float, into output: UnsafeMutableBufferPointer<Float>
    ) throws {
        try engine.configuration.checkStep(input: x.count, output: output.count, count: count, window: window)
        guard let source = x.baseAddress, let target = output.baseAddress else { return }
        let network = engine.network
        let size = x.count / count
        let timestepEmbedding = engine.embedding(timestep: timestep)
        engine.forEachWindow(count, window: window) { index, workspace in
            let embedding = workspace.embedding
            addScaled(
                timestepEmbedding, self.embedding(index), factor: 1, into: embedding.pointer,
                count: embedding.count)
            engine.probeEmbedding?(UnsafeBufferPointer(start: embedding.pointer, count: embedding.count))
            map(AffineSiLU(scale: 1, shift: 0), embedding.pointer, embedding.pointer, embedding.count)
            network.unet(
                source + index * size, condition: condition(index), embedding: embedding.pointer,
                into: target + index * size, workspace)
        }
    }
}
