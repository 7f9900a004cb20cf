public import Canvas
public import Noise

/// What a user asks for: the input of `render` and of `submit`, kept in the jobs database.
public struct JobRequest: Hashable, Sendable, Codable {
    /// The base raster's path; nil is the built-in world map.
    public var base: String?
    /// The zoom of level 0; nil is the one nearest to the raster's resolution.
    public var baseZoom: Int?
    /// What the model is told of a picture without georeference: metres per pixel of level 0.
    public var metresPerPixel: Double?
    /// nil is the whole raster.
    public var region: Region?
    public var levels: Int
    public var seed: UInt64
    /// The model file's path; nil is the built-in one.
    public var model: String?
    /// nil is the model's own default.
    public var sampler: String?
    public var noise: NoiseMode
    /// How degraded the model is told its condition is, for level 1, 2 …; the last number holds for finer levels.
    /// nil is the model's own default.
    public var degradation: [Double]?
    public var geometry: WindowGeometry
    /// Whether all windows must come from one numeric profile, the one of the first worker.
    public var exact: Bool
    /// Jobs of higher priority get workers first.
    public var priority: Int

    public init(
        base: String? = nil, baseZoom: Int? = nil, metresPerPixel: Double? = nil, region: Region? = nil,
        levels: Int, seed: UInt64, model: String? = nil, sampler: String? = nil, noise: NoiseMode = .canvas,
        degradation: [Double]? = nil, geometry: WindowGeometry = .standard, exact: Bool = false, priority: Int = 0
    ) {
        self.base = base
        self.baseZoom = baseZoom
        self.metresPerPixel = metresPerPixel
        self.region = region
        self.levels = levels
        self.seed = seed
        self.model = model
        self.sampler = sampler
        self.noise = noise
        self.degradation = degradation
        self.geometry = geometry
        self.exact = exact
        self.priority = priority
    }
}
