internal import Canvas
internal import Foundation
internal import Raster

extension Mosaic {
    /// Return whether nothing planned will change a tile of a level or of its overviews.
    func isFinal(_ tile: Tile, _ state: OverviewState) -> Bool {
        if tile.zoom == canvas.zoom(level: state.level) {
            let planned = state.plannedBits(tile)
            return doneBits(state.level, tile) & planned == planned
        }
        return state[tile] || !state.isPlanned(tile)
    }

    /// Build those overviews of one zoom whose stored children changed, and mark all as final.
    func build(_ parents: [Tile], _ state: OverviewState) throws -> Int {
        try requireWritable()
        return try writeLock.withLock {
            var stale: [(tile: Tile, sources: UInt64)] = []
            for parent in parents where !state[parent] {
                let sources = try Self.digest(parent.children.map { try checksum(state.level, $0) })
                let file = try store.file(store.key(level: state.level, parent))
                if try file?.progress(of: parent)?.sources == sources { continue }
                stale.append((parent, sources))
            }
            let made = try concurrentMap(stale.count) { [stale] index in
                let (tile, sources) = stale[index]
                let pixels = LinearLight.parent(of: try tile.children.map { try self.pixels(level: state.level, $0) })
                let change = CellFile.Change(tile: tile, done: .max, data: try encode(pixels), sources: sources)
                return (change: change, pixels: pixels)
            }
            var groups: [CellStore.Key: [Int]] = [:]
            for index in stale.indices {
                groups[store.key(level: state.level, stale[index].tile), default: []].append(index)
            }
            for (key, members) in groups {
                try store.file(key, creating: true)?.write(members.map { made[$0].change })
                for index in members {
                    cache.put(made[index].pixels, for: TileCache.Key(level: key.level, tile: stale[index].tile))
                }
            }
            for parent in parents { state[parent] = true }
            return stale.count
        }
    }

    /// Return the checksum of a stored tile or overview; 0 where there is none or it holds no data.
    private func checksum(_ level: Int, _ tile: Tile) throws -> UInt64 {
        try store.file(store.key(level: level, tile))?.progress(of: tile)?.checksum ?? 0
    }

    /// Mix four checksums into one, in order (the finaliser of SplitMix64).
    static func digest(_ checksums: [UInt64]) -> UInt64 {
        checksums.reduce(0x9e37_79b9_7f4a_7c15) { state, value in
            var z = (state ^ value) &+ 0x9e37_79b9_7f4a_7c15
            z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
            z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
            return z ^ z >> 31
        }
    }
}
