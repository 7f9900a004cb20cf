internal import Canvas
internal import Raster

/// Numbers of the PMTiles format, version 3.
enum PMTiles {
    static let headerSize = 127
    /// Header and root directory must end here.
    static let rootLimit = 16_384

    /// The place of a tile on the curve through all zooms (PMTiles 3, "Tile ID").
    static func identifier(_ tile: Tile) -> UInt64 {
        ((UInt64(1) << UInt64(2 * tile.zoom)) - 1) / 3 + Hilbert.index(x: tile.x, y: tile.y, order: tile.zoom)
    }

    /// A run of equal tiles, or a leaf directory where `run` is 0.
    struct Entry: Equatable {
        var identifier: UInt64
        var offset: UInt64
        var length: UInt32
        var run: UInt32
    }

    /// Return a directory as it is stored: columns of varints, gzipped (PMTiles 3, "Directories").
    static func directory(_ entries: [Entry]) throws -> [UInt8] {
        var bytes: [UInt8] = []
        append(UInt64(entries.count), to: &bytes)
        var last: UInt64 = 0
        for entry in entries {
            append(entry.identifier - last, to: &bytes)
            last = entry.identifier
        }
        for entry in entries { append(UInt64(entry.run), to: &bytes) }
        for entry in entries { append(UInt64(entry.length), to: &bytes) }
        var end: UInt64?
        for entry in entries {
            append(entry.offset == end ? 0 : entry.offset + 1, to: &bytes)
            end = entry.offset + UInt64(entry.length)
        }
        return try Gzip.compress(bytes)
    }

    private static func append(_ value: UInt64, to bytes: inout [UInt8]) {
        var value = value
        while value >= 0x80 {
            bytes.append(UInt8(value & 0x7f) | 0x80)
            value >>= 7
        }
        bytes.append(UInt8(value))
    }

    /// What the header tells (PMTiles 3, "Header").
    struct Header {
        var root: (offset: UInt64, length: UInt64) = (0, 0)
        var metadata: (offset: UInt64, length: UInt64) = (0, 0)
        var leaves: (offset: UInt64, length: UInt64) = (0, 0)
        var data: (offset: UInt64, length: UInt64) = (0, 0)
        var addressed: UInt64 = 0
        var entries: UInt64 = 0
        var contents: UInt64 = 0
        var zooms = 0...0
        /// West, south, east, north.
        var bounds: [Double] = [0, 0, 0, 0]

        var bytes: [UInt8] {
            var out = Array("PMTiles".utf8) + [3]
            func put(_ value: UInt64) { for shift in 0..<8 { out.append(UInt8(value >> UInt64(8 * shift) & 0xff)) } }
            func put(degrees: Double) {
                let value = UInt32(bitPattern: Int32((degrees * 1e7).rounded()))
                for shift in 0..<4 { out.append(UInt8(value >> UInt32(8 * shift) & 0xff)) }
            }
            for part in [root, metadata, leaves, data] {
                put(part.offset)
                put(part.length)
            }
            for count in [addressed, entries, contents] { put(count) }
            // Clustered; directories and metadata gzip; tiles not compressed again; PNG.
            out += [1, 2, 1, 2, UInt8(zooms.lowerBound), UInt8(zooms.upperBound)]
            for degrees in bounds { put(degrees: degrees) }
            out.append(UInt8(zooms.upperBound))
            put(degrees: (bounds[0] + bounds[2]) / 2)
            put(degrees: (bounds[1] + bounds[3]) / 2)
            return out
        }
    }
}
