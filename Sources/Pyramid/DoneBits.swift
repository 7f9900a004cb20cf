internal import Canvas

/// Which cores of one cell are stored: one bit each, 2 KiB for the usual 128 × 128 cores.
struct DoneBits {
    private var words: [UInt64]
    private let perTile: Int

    init(geometry: WindowGeometry) {
        perTile = Int(geometry.coresPerTile * geometry.coresPerTile)
        words = [UInt64](repeating: 0, count: (Int(Cell.side * Cell.side) * perTile + 63) / 64)
    }

    /// The bits of a tile, in row order of its cores.
    subscript(tile: Tile) -> UInt64 {
        get {
            let (word, shift) = place(tile)
            return words[word] >> shift & mask
        }
        set {
            let (word, shift) = place(tile)
            words[word] = words[word] & ~(mask << shift) | (newValue & mask) << shift
        }
    }

    var isEmpty: Bool { words.allSatisfy { $0 == 0 } }

    private var mask: UInt64 { perTile == 64 ? .max : (1 << UInt64(perTile)) - 1 }

    private func place(_ tile: Tile) -> (word: Int, shift: UInt64) {
        let index = tile.y.wrapped(modulo: Cell.side) * Cell.side + tile.x.wrapped(modulo: Cell.side)
        let bit = Int(index) * perTile
        return (bit / 64, UInt64(bit % 64))
    }
}

extension WindowGeometry {
    /// The bits of a tile whose cores are all stored.
    var allCores: UInt64 {
        let count = UInt64(coresPerTile * coresPerTile)
        return count == 64 ? .max : (1 << count) - 1
    }

    /// Return a core's bit in its tile.
    func bit(of core: Core) -> UInt64 {
        1
            << UInt64(
                core.row.wrapped(modulo: coresPerTile) * coresPerTile + core.column.wrapped(modulo: coresPerTile))
    }
}
