internal import Canvas
internal import Foundation

/// Which tiles of a level, and of its overviews, are final: nothing that is planned will change them.
///
/// Thread-safe through its lock. Memory: 176 bytes per cell.
final class OverviewState: @unchecked Sendable {
    let level: Int
    let planned: CoreSet
    private let canvas: Canvas
    private let zoom: Int
    private let lock = NSLock()
    private var inCells: [Cell: [UInt64]] = [:]
    private var above: Set<Tile> = []

    init(canvas: Canvas, level: Int, planned: CoreSet) {
        self.canvas = canvas
        self.level = level
        self.planned = planned
        zoom = canvas.zoom(level: level)
    }

    /// Return whether any planned core lies under a tile.
    func isPlanned(_ tile: Tile) -> Bool {
        let side = canvas.geometry.coresPerTile << Int64(zoom - tile.zoom)
        return planned.intersects(
            columns: tile.x * side..<(tile.x + 1) * side, rows: tile.y * side..<(tile.y + 1) * side)
    }

    /// Return the bits of a tile's planned cores.
    func plannedBits(_ tile: Tile) -> UInt64 {
        let side = canvas.geometry.coresPerTile
        var bits: UInt64 = 0
        for row in 0..<side {
            for span in planned.spans(row: tile.y * side + row) {
                for column in span.clamped(to: tile.x * side..<(tile.x + 1) * side) {
                    bits |= 1 << UInt64(row * side + column - tile.x * side)
                }
            }
        }
        return bits
    }

    /// Whether an overview was built from final children.
    subscript(tile: Tile) -> Bool {
        get {
            lock.withLock {
                guard let (cell, word, bit) = place(tile) else { return above.contains(tile) }
                return (inCells[cell]?[word] ?? 0) >> bit & 1 == 1
            }
        }
        set {
            lock.withLock {
                guard let (cell, word, bit) = place(tile) else {
                    if newValue { above.insert(tile) } else { above.remove(tile) }
                    return
                }
                var words = inCells[cell] ?? [UInt64](repeating: 0, count: 22)
                words[word] = words[word] & ~(1 << bit) | (newValue ? 1 << bit : 0)
                inCells[cell] = words
            }
        }
    }

    private func place(_ tile: Tile) -> (Cell, Int, UInt64)? {
        let up = zoom - tile.zoom
        guard up >= 1, up <= Cell.depth else { return nil }
        let side = Cell.side >> Int64(up)
        let coarser = Int(side * side) / 3
        let offset = coarser + Int(tile.y.wrapped(modulo: side) * side + tile.x.wrapped(modulo: side))
        return (
            Cell(zoom: zoom, column: tile.x.floorDivided(by: side), row: tile.y.floorDivided(by: side)),
            offset / 64, UInt64(offset % 64)
        )
    }
}
