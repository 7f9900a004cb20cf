public import Canvas
internal import Raster

extension Mosaic {
    /// Return the condition of a core's window: the stored pixels of the next coarser level under it.
    ///
    /// Where these are absent or transparent, they are filled smoothly from the others of the same condition, in
    /// integers; without any, with mid grey. Reading cores that are still to be rendered gives wrong pixels: ask for the
    /// condition once the core's parents (`Plan.dependencies`) are done.
    /// - Parameter core: Of level 1 or finer.
    /// - Returns: (W/4)² · 3 bytes: red, green, blue interleaved, in row order.
    /// - Throws: `MosaicError`.
    public func condition(for core: Core) throws -> [UInt8] {
        guard (1...max(1, levels)).contains(core.level) else {
            throw MosaicError.invalid("core \(core) has no condition: its level is not in 1 … \(levels)")
        }
        let rect = canvas.geometry.conditionRect(core)
        let rgba = try read(rect, level: core.level - 1)
        return ConditionFill.filled(rgba, width: Int(rect.width), height: Int(rect.height))
    }

    /// Return the alpha of a core: that of the level-0 pixel under each of its pixels.
    ///
    /// - Returns: C · C bytes in row order, 0 or 255; nil where the core is opaque.
    public func mask(for core: Core) throws -> [UInt8]? {
        guard (1...max(1, levels)).contains(core.level) else {
            throw MosaicError.invalid("core \(core) has no mask: its level is not in 1 … \(levels)")
        }
        let shift = Int64(2 * core.level)
        let rect = canvas.geometry.coreRect(core)
        let left = rect.x >> shift
        let top = rect.y >> shift
        let under = PixelRect(
            x: left, y: top, width: ((rect.x + rect.width - 1) >> shift) - left + 1,
            height: ((rect.y + rect.height - 1) >> shift) - top + 1)
        let rgba = try read(under, level: 0)
        guard stride(from: 3, to: rgba.count, by: 4).contains(where: { rgba[$0] != 255 }) else { return nil }
        let side = Int(rect.width)
        return [UInt8](unsafeUninitializedCapacity: side * side) { out, count in
            for y in 0..<side {
                let row = Int(((rect.y + Int64(y)) >> shift) - top) * Int(under.width)
                for x in 0..<side {
                    out[y * side + x] = rgba[4 * (row + Int(((rect.x + Int64(x)) >> shift) - left)) + 3]
                }
            }
            count = side * side
        }
    }

    /// Return stored pixels of a level, or of its overviews at a coarser zoom, as RGBA; columns wrap at the antimeridian,
    /// what is not there is transparent.
    func read(_ rect: PixelRect, level: Int, zoom: Int? = nil) throws -> [UInt8] {
        let side = WindowGeometry.tile
        let zoom = zoom ?? canvas.zoom(level: level)
        let world = canvas.surface == .webMercator ? Int64(1) << Int64(zoom) : nil
        var out = [UInt8](repeating: 0, count: Int(rect.width * rect.height) * 4)
        for tileY in rect.y.floorDivided(by: side)..<(rect.y + rect.height).ceilDivided(by: side) {
            if let world, tileY < 0 || tileY >= world { continue }
            for tileX in rect.x.floorDivided(by: side)..<(rect.x + rect.width).ceilDivided(by: side) {
                let address = Tile(zoom: zoom, x: world.map { tileX.wrapped(modulo: $0) } ?? tileX, y: tileY)
                guard let tile = try pixels(level: level, address) else { continue }
                let part = rect.intersection(PixelRect(x: tileX * side, y: tileY * side, width: side, height: side))
                tile.pixels.withUnsafeBytes { source in
                    out.withUnsafeMutableBytes { target in
                        for y in part.rows {
                            let from = 4 * Int((y - tileY * side) * side + part.x - tileX * side)
                            let to = 4 * Int((y - rect.y) * rect.width + part.x - rect.x)
                            let count = 4 * Int(part.width)
                            target[to..<to + count].copyBytes(from: source[from..<from + count])
                        }
                    }
                }
            }
        }
        return out
    }
}
