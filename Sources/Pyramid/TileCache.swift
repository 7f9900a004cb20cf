internal import Canvas
internal import Foundation
internal import Raster

/// Decoded tiles, least recently used ones dropped first; thread-safe through its lock.
final class TileCache: @unchecked Sendable {
    struct Key: Hashable {
        var level: Int
        var tile: Tile
    }

    private struct Entry {
        var tile: RGBATile
        var used: UInt64
    }

    private let capacity: Int
    private let lock = NSLock()
    private var entries: [Key: Entry] = [:]
    private var clock: UInt64 = 0
    private var writes: UInt64 = 0

    /// - Parameter capacity: The most tiles to hold, of 256 KiB each.
    init(capacity: Int) {
        self.capacity = max(1, capacity)
    }

    func find(_ key: Key) -> RGBATile? {
        lock.withLock {
            clock += 1
            entries[key]?.used = clock
            return entries[key]?.tile
        }
    }

    /// A number that changes with every write, to be read before a tile is fetched.
    var generation: UInt64 { lock.withLock { writes } }

    /// Keep a tile that was fetched, unless something was written meanwhile: the fetched one could be older.
    func keep(_ tile: RGBATile, for key: Key, generation: UInt64) {
        lock.withLock {
            if generation == writes { insert(tile, key) }
        }
    }

    /// Put a tile that was just stored.
    func put(_ tile: RGBATile, for key: Key) {
        lock.withLock {
            writes += 1
            insert(tile, key)
        }
    }

    func removeAll() {
        lock.withLock {
            writes += 1
            entries.removeAll()
        }
    }

    private func insert(_ tile: RGBATile, _ key: Key) {
        clock += 1
        entries[key] = Entry(tile: tile, used: clock)
        guard entries.count > capacity else { return }
        let sorted = entries.values.map(\.used).sorted()
        let limit = sorted[sorted.count / 4]
        entries = entries.filter { $0.value.used > limit }
    }
}
