/// The address of a core, which is also the address of the window around it.
///
/// Core (column, row) of a level owns the pixels `column·C ..< (column + 1)·C` by `row·C ..< (row + 1)·C`;
/// every pixel of a level has exactly one owner.
public struct Core: Hashable, Sendable, Codable {
    public var level: Int
    public var column: Int64
    public var row: Int64

    public init(level: Int, column: Int64, row: Int64) {
        self.level = level
        self.column = column
        self.row = row
    }
}

extension Core: CustomStringConvertible {
    public var description: String { "\(level)/\(column)/\(row)" }
}

extension WindowGeometry {
    /// Return the core that owns a pixel.
    public func owner(level: Int, x: Int64, y: Int64) -> Core {
        Core(level: level, column: x.floorDivided(by: core), row: y.floorDivided(by: core))
    }

    /// Return the pixels a core owns.
    public func coreRect(_ address: Core) -> PixelRect {
        PixelRect(x: address.column * core, y: address.row * core, width: core, height: core)
    }

    /// Return the pixels the window around a core is denoised on.
    public func windowRect(_ address: Core) -> PixelRect {
        PixelRect(
            x: address.column * core - margin, y: address.row * core - margin, width: window, height: window)
    }

    /// Return the pixels of level `address.level - 1` under a core's window.
    public func conditionRect(_ address: Core) -> PixelRect {
        let rect = windowRect(address)
        return PixelRect(
            x: rect.x.floorDivided(by: Self.factor), y: rect.y.floorDivided(by: Self.factor),
            width: condition, height: condition)
    }

    /// Return the core indices, along one axis of the coarser level, under the windows of `range`.
    package func parentRange(of range: Range<Int64>) -> Range<Int64> {
        let first = (range.lowerBound * core - margin).floorDivided(by: Self.factor)
        let end = (range.upperBound * core + margin).floorDivided(by: Self.factor)
        return first.floorDivided(by: core)..<end.ceilDivided(by: core)
    }

    /// Return the core indices, along one axis of the finer level, whose windows lie over core `index`.
    package func childRange(of index: Int64) -> Range<Int64> {
        let first = Self.factor * index * core - margin
        let end = Self.factor * (index + 1) * core + margin
        return first.floorDivided(by: core)..<end.ceilDivided(by: core)
    }
}
