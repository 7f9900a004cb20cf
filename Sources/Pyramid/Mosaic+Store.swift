public import Canvas
internal import Foundation
public import Raster

/// The pixels of one core as a worker rendered them.
public struct RenderedCore: Sendable {
    public var core: Core
    /// C · C · 3 bytes: red, green, blue in row order.
    public var rgb: [UInt8]
    /// C · C bytes in row order, or nil where the core is opaque (see `Mosaic.mask`).
    public var alpha: [UInt8]?

    public init(core: Core, rgb: [UInt8], alpha: [UInt8]? = nil) {
        self.core = core
        self.rgb = rgb
        self.alpha = alpha
    }
}

extension Mosaic {
    /// Store rendered cores: pixels and "done" in one transaction per cell file.
    ///
    /// When it returns, everything is on disk; when it throws, each cell file holds either all of its cores of this call
    /// or none. A core that is stored already is left alone where its pixels are equal.
    /// - Throws: `MosaicError.promiseBroken` where a stored core comes with other pixels; `.invalid` for cores of level
    ///   0, outside of the canvas or of another size; `.diskFull`, `.readOnly`, `.damaged`, `.io`.
    public func store(_ cores: [RenderedCore]) throws {
        try requireWritable()
        var byTile: [Tile: [RenderedCore]] = [:]
        var order: [(level: Int, tile: Tile)] = []
        for var item in cores {
            guard (1...max(1, levels)).contains(item.core.level), let core = canvas.normalized(item.core) else {
                throw MosaicError.invalid("core \(item.core) is not in levels 1 … \(levels) of the canvas")
            }
            let area = Int(canvas.geometry.core * canvas.geometry.core)
            guard item.rgb.count == 3 * area, item.alpha?.count ?? area == area else {
                throw MosaicError.invalid(
                    "core \(core) has \(item.rgb.count) colour bytes, it needs \(3 * area) and \(area) of alpha or none"
                )
            }
            item.core = core
            let tile = canvas.tile(of: core)
            if byTile[tile] == nil { order.append((core.level, tile)) }
            byTile[tile, default: []].append(item)
        }
        try writeLock.withLock {
            var drafts: [Draft] = []
            for (level, tile) in order {
                var draft = try draft(level: level, tile)
                for item in byTile[tile] ?? [] { try merge(item, into: &draft) }
                if draft.isChanged { drafts.append(draft) }
            }
            try commit(drafts)
        }
    }

    /// Store tiles of the base map as level 0; all their cores are then done.
    ///
    /// - Throws: As `store`.
    public func storeBase(_ tiles: [(tile: Tile, pixels: RGBATile)]) throws {
        try requireWritable()
        try writeLock.withLock {
            var drafts: [Draft] = []
            for (tile, pixels) in tiles {
                guard tile.zoom == canvas.baseZoom, let corner = canvas.cores(of: tile, level: 0).first,
                    let core = canvas.normalized(corner)
                else { throw MosaicError.invalid("tile \(tile) is not in level 0 of the canvas") }
                let address = canvas.tile(of: core)
                var draft = try draft(level: 0, address)
                guard draft.done == 0 else {
                    if draft.done == canvas.geometry.allCores, draft.pixels == pixels { continue }
                    throw MosaicError.promiseBroken(core, file: file(level: 0, address))
                }
                draft.pixels = pixels
                draft.done = canvas.geometry.allCores
                draft.isChanged = true
                drafts.append(draft)
            }
            try commit(drafts)
        }
    }

    // MARK: - Drafts

    /// A tile on its way to the disk.
    struct Draft: Sendable {
        var level: Int
        var tile: Tile
        var done: UInt64
        var pixels: RGBATile
        var isChanged = false
    }

    private func draft(level: Int, _ tile: Tile) throws -> Draft {
        let done = doneBits(level, tile)
        let pixels = done == 0 ? nil : try pixels(level: level, tile)
        return Draft(level: level, tile: tile, done: done, pixels: pixels ?? RGBATile())
    }

    private func merge(_ item: RenderedCore, into draft: inout Draft) throws {
        let side = Int(canvas.geometry.core)
        let bit = canvas.geometry.bit(of: item.core)
        let left = Int(item.core.column.wrapped(modulo: canvas.geometry.coresPerTile)) * side
        let top = Int(item.core.row.wrapped(modulo: canvas.geometry.coresPerTile)) * side
        let isStored = draft.done & bit != 0
        let isEqual = draft.pixels.withPixels { out -> Bool in
            for y in 0..<side {
                for x in 0..<side {
                    let source = y * side + x
                    let target = 4 * ((top + y) * RGBATile.side + left + x)
                    let alpha = item.alpha?[source] ?? 255
                    for c in 0..<4 {
                        let value = alpha == 0 ? 0 : c == 3 ? alpha : item.rgb[3 * source + c]
                        if isStored {
                            if out[target + c] != value { return false }
                        } else {
                            out[target + c] = value
                        }
                    }
                }
            }
            return true
        }
        guard isEqual else {
            throw MosaicError.promiseBroken(item.core, file: file(level: item.core.level, draft.tile))
        }
        if !isStored {
            draft.done |= bit
            draft.isChanged = true
        }
    }

    /// Encode drafts, on all processors, and write them, one transaction per cell file.
    private func commit(_ drafts: [Draft]) throws {
        let changes = try concurrentMap(drafts.count) { index in
            let draft = drafts[index]
            return CellFile.Change(
                tile: draft.tile, done: draft.done, data: try encode(draft.pixels), sources: nil)
        }
        var groups: [(key: CellStore.Key, members: [Int])] = []
        var places: [CellStore.Key: Int] = [:]
        for index in drafts.indices {
            let key = store.key(level: drafts[index].level, drafts[index].tile)
            if let place = places[key] {
                groups[place].members.append(index)
            } else {
                places[key] = groups.count
                groups.append((key, [index]))
            }
        }
        for (key, members) in groups {
            let batch = members.map { changes[$0] }
            try store.file(key, creating: true)?.write(batch)
            setDone(key.level, batch)
            for index in members {
                cache.put(drafts[index].pixels, for: TileCache.Key(level: key.level, tile: drafts[index].tile))
            }
        }
    }

    func file(level: Int, _ tile: Tile) -> String { store.url(store.key(level: level, tile)).path }

    func requireWritable() throws {
        guard isWritable else {
            throw MosaicError.invalid("\(directory.path) was opened to be read, it cannot be written")
        }
    }
}
