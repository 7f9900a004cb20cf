internal import Canvas
public import Denoiser
internal import Diffusion
internal import Noise
public import Wire

/// Renders windows of one job with one engine: noise, condition, trajectory, core pixels.
///
/// A window's pixels depend on the engine's profile, the model, the job and the request alone, not on the batch that
/// it is in. Like its engine, a renderer belongs to one thread.
public final class WindowRenderer {
    public let engine: any DenoisingEngine
    public let job: JobDescription
    /// How often the network is asked in one trajectory.
    public var steps: Int { sampler.steps.count }

    private let sampler: Sampler
    private let noise: NoiseField
    private let pixels: PixelCoding

    /// - Throws: `RenderError` where the model does not fit the job; `DiffusionError` for an impossible sampler.
    public init(engine: any DenoisingEngine, job: JobDescription) throws {
        let model = engine.configuration
        let window = Int(job.canvas.geometry.window)
        guard model.imageChannels == 3, model.factor == Int(WindowGeometry.factor) else {
            throw RenderError.model(
                "model \(model.name) makes \(model.imageChannels) channels at ×\(model.factor), not RGB at ×4")
        }
        guard window % model.windowMultiple == 0 else {
            throw RenderError.model(
                "model \(model.name) takes windows of a multiple of \(model.windowMultiple) pixels, not \(window)")
        }
        self.engine = engine
        self.job = job
        let schedule = try NoiseSchedule(
            linearBetaFrom: model.schedule.betaStart, to: model.schedule.betaEnd, steps: model.schedule.steps)
        sampler = try Sampler(
            SamplerSpecification(parsing: job.sampler), schedule: schedule,
            prediction: model.prediction == .v ? .v : .epsilon)
        noise = NoiseField(seed: job.seed, mode: NoiseMode(job.noise), canvas: job.canvas)
        pixels = PixelCoding(scale: model.normalisation.scale, offset: model.normalisation.offset)
    }

    /// Render a batch of windows.
    ///
    /// - Parameters:
    ///   - windows: 1 or more.
    ///   - progress: Called with the number of finished steps after each; throw from it to stop.
    /// - Returns: For each window the C×C core as interleaved RGB, row by row; nil where the network's values are not
    ///   finite.
    /// - Throws: `WireError` or `RenderError` for a window that does not fit, what the engine throws, what `progress`
    ///   throws.
    public func render(
        _ windows: [WindowRequest], progress: (_ finished: Int) throws -> Void = { _ in }
    ) throws -> [[UInt8]?] {
        guard !windows.isEmpty else { return [] }
        let geometry = job.canvas.geometry
        let scalars = engine.configuration.constants
        for window in windows {
            try job.check(window)
            guard window.constants.count == scalars.count else {
                let names = scalars.map(\.name).joined(separator: ", ")
                throw RenderError.model(
                    "window \(window.core) has \(window.constants.count) scalars; the model takes \(names)")
            }
        }
        let trajectory = try engine.begin(
            conditions: windows.flatMap { pixels.planes($0.condition) },
            constants: windows.flatMap(\.constants), count: windows.count, window: Int(geometry.window))
        let size = 3 * Int(geometry.window * geometry.window)
        let x = UnsafeMutableBufferPointer<Float>.allocate(capacity: windows.count * size)
        defer { x.deallocate() }
        x.initialize(repeating: 0)
        let fill = { [noise] (stream: Int, buffer: UnsafeMutableBufferPointer<Float>) in
            for (index, window) in windows.enumerated() {
                noise.fill(
                    window: window.core, channels: 3, stream: UInt16(stream),
                    into: UnsafeMutableBufferPointer(rebasing: buffer[index * size..<(index + 1) * size]))
            }
        }
        fill(0, x)
        try sampler.sample(
            x, noise: fill,
            predict: { try trajectory.predict($0, timestep: Float($1), into: $2) },
            progress: progress)
        return windows.indices.map {
            pixels.core(UnsafeBufferPointer(rebasing: x[$0 * size..<($0 + 1) * size]), geometry)
        }
    }
}

/// A job that a model cannot do.
public enum RenderError: Error, Hashable, CustomStringConvertible {
    case model(String)

    public var description: String {
        switch self {
        case .model(let problem): "\(problem); use a model that fits the job"
        }
    }
}

extension NoiseMode {
    init(_ noise: JobDescription.Noise) {
        switch noise {
        case .canvas: self = .canvas
        case .shared: self = .shared
        case .periodic: self = .periodic
        case .independent: self = .independent
        }
    }
}
