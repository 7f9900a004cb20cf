public import Canvas

/// What a worker must know of a job, apart from its windows.
public struct JobDescription: Hashable, Sendable {
    /// How the initial noise depends on coordinates (DESIGN: "Noise").
    public enum Noise: UInt32, Hashable, Sendable, CaseIterable {
        case canvas = 1
        case shared = 2
        case periodic = 3
        case independent = 4
    }

    public var jobID: String
    public var model: ModelDigest
    /// Bytes of the model file.
    public var modelSize: UInt64
    /// The sampler as text, in the form that `Sampler` parses.
    public var sampler: String
    public var noise: Noise
    public var seed: UInt64
    public var canvas: Canvas
    /// The numeric profile that a worker must have; nil for any.
    public var exactProfile: String?

    public init(
        jobID: String, model: ModelDigest, modelSize: UInt64, sampler: String, noise: Noise, seed: UInt64,
        canvas: Canvas, exactProfile: String? = nil
    ) {
        self.jobID = jobID
        self.model = model
        self.modelSize = modelSize
        self.sampler = sampler
        self.noise = noise
        self.seed = seed
        self.canvas = canvas
        self.exactProfile = exactProfile
    }

    func check() throws {
        let check = FieldCheck(message: "job")
        try check.text(jobID, "job_id", empty: false)
        try check.range(modelSize, 1...Limits.model, "model_size")
        try check.text(sampler, "sampler", empty: false)
        try check.range(canvas.baseZoom, 0...Canvas.maximumZoom, "base_zoom")
        if case .plane(let metres) = canvas.surface {
            guard metres.isFinite, metres > 0 else {
                throw check.fail("metres_per_pixel", "\(metres) is not a positive number")
            }
        }
        if let exactProfile { try check.text(exactProfile, "exact_profile", empty: false) }
    }

    /// Test that a window can be rendered in this job: its level, its row, the size of its condition.
    ///
    /// - Throws: `WireError.field` where it cannot.
    public func check(_ window: WindowRequest) throws {
        let check = FieldCheck(message: "assign")
        let core = window.core
        try window.check()
        guard canvas.zoom(level: core.level) <= Canvas.maximumZoom else {
            throw check.fail("level", "level \(core.level) lies beyond zoom \(Canvas.maximumZoom)")
        }
        guard canvas.normalized(core) == core else {
            throw check.fail("row", "window \(core) is not on the canvas")
        }
        let side = canvas.geometry.condition
        guard window.condition.count == side * side * 3 else {
            throw check.fail(
                "condition", "\(window.condition.count) bytes, not the \(side * side * 3) of \(side)×\(side) RGB")
        }
    }
}
