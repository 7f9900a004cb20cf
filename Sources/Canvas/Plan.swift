/// The cores a region needs at every level: never a list of windows, only ranges.
///
/// The finest level holds the cores of the region; every coarser level adds the halo, the cores that conditions of
/// the level above reach into: at most one core beyond the region's own on every side.
public struct Plan: Sendable {
    public let canvas: Canvas
    /// `sets[k]` are the cores of level k; `sets[0]` are the base pixels the plan reads.
    public let sets: [CoreSet]

    /// The finest level.
    public var levels: Int { sets.count - 1 }

    /// The number of windows to denoise, over all levels.
    public var windowCount: Int { sets.dropFirst().reduce(0) { $0 + $1.count } }

    /// Create the plan of a region.
    ///
    /// - Parameters:
    ///   - levels: The finest level, 1 or more.
    ///   - coverage: The cores of a level that hold at least one base pixel with data, out of the candidates given
    ///     (all of them where the base has no holes). Cores without data are skipped.
    /// - Throws: `CanvasError.region` where nothing is left to render, or the finest zoom passes `Canvas.maximumZoom`.
    public init(
        region: Region, levels: Int, canvas: Canvas,
        coverage: (_ level: Int, _ candidates: CoreSet) throws -> CoreSet = { $1 }
    ) throws {
        guard levels >= 1 else { throw CanvasError.region("levels must be 1 or more, not \(levels)") }
        var sets = [try coverage(levels, region.cores(on: canvas, level: levels))]
        guard !sets[0].isEmpty else {
            throw CanvasError.region("the base map has no data there: every pixel is outside it or nodata")
        }
        for level in stride(from: levels - 1, through: 0, by: -1) {
            sets.insert(try coverage(level, canvas.parents(of: sets[0], level: level + 1)), at: 0)
        }
        self.canvas = canvas
        self.sets = sets
    }

    public func contains(_ core: Core) -> Bool {
        sets.indices.contains(core.level) && sets[core.level].contains(column: core.column, row: core.row)
    }

    /// Return the parents of a window that this plan renders; base pixels are always there.
    public func dependencies(of core: Core) -> [Core] {
        core.level > 1 ? canvas.parents(of: core).filter(contains) : []
    }

    /// Return this plan's windows at and under some of its finest cores: what has to be rendered to see just those.
    ///
    /// - Returns: One set a level, as `sets`; nil where the plan has none of the cores.
    public func part(_ finest: CoreSet) -> [CoreSet]? {
        let wanted = sets[levels].intersection(finest)
        guard !wanted.isEmpty else { return nil }
        var part = [wanted]
        for level in stride(from: levels - 1, through: 0, by: -1) {
            part.insert(sets[level].intersection(canvas.parents(of: part[0], level: level + 1)), at: 0)
        }
        return part
    }
}

extension Canvas {
    /// Return the cores of `level - 1` that the windows of a set of `level` are conditioned on.
    public func parents(of set: CoreSet, level: Int) -> CoreSet {
        var spans: [[Range<Int64>]] = []
        let rows = geometry.parentRange(of: set.rows)
        for _ in rows { spans.append([]) }
        for row in set.rows {
            let ranges = set.spans(row: row).map(geometry.parentRange)
            for parent in geometry.parentRange(of: row..<row + 1) {
                spans[Int(parent - rows.lowerBound)] += ranges
            }
        }
        return clipped(CoreSet(firstRow: rows.lowerBound, spans: spans), level: level - 1)
    }
}
