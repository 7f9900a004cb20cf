/// The sizes of a window: a core of `core` pixels with `margin` pixels around it that are cropped away.
///
/// The window side is `core + 2·margin` (256 = 128 + 2·64 by default), and its condition is the
/// `window / 4` square of the next coarser level below it.
public struct WindowGeometry: Hashable, Sendable, Codable {
    /// The magnification from one level to the next.
    public static let factor: Int64 = 4
    /// The side of a tile in pixels.
    public static let tile: Int64 = 256

    public let core: Int64
    public let margin: Int64

    public var window: Int64 { core + 2 * margin }
    public var condition: Int64 { window / Self.factor }
    /// The number of cores along a tile's side.
    public var coresPerTile: Int64 { Self.tile / core }

    public static let standard = WindowGeometry(uncheckedCore: 128, margin: 64)

    private init(uncheckedCore core: Int64, margin: Int64) {
        self.core = core
        self.margin = margin
    }

    /// Create a geometry.
    ///
    /// - Parameters:
    ///   - core: Core side in pixels: a power of two, 32 … 256, so that a tile is whole cores.
    ///   - margin: Pixels cropped on every side: a multiple of 4, 0 … 3/2 of the core, so that
    ///     a condition starts on a whole coarse pixel and meets at most 2 × 2 parent cores.
    /// - Throws: `CanvasError.geometry` for other sizes.
    public init(core: Int64, margin: Int64) throws {
        guard core >= 32, core <= Self.tile, core & (core - 1) == 0 else {
            throw CanvasError.geometry("core \(core) is not a power of two from 32 to 256")
        }
        guard margin >= 0, margin <= 3 * core / 2, margin % Self.factor == 0 else {
            throw CanvasError.geometry("margin \(margin) is not a multiple of 4 from 0 to \(3 * core / 2)")
        }
        self.init(uncheckedCore: core, margin: margin)
    }

    private enum CodingKeys: CodingKey { case core, margin }

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        try self.init(
            core: values.decode(Int64.self, forKey: .core), margin: values.decode(Int64.self, forKey: .margin))
    }
}
