extension RGBATile {
    /// Encode the tile in the smallest form that is exact: a palette of up to 256 colours or grey where opaque, else
    /// RGB; RGBA where not opaque.
    ///
    /// The bytes are a function of the pixels, the effort and the text.
    public func png(effort: PNG.Effort = .standard, text: PNG.Text? = nil) throws -> [UInt8] {
        func encode(_ channels: Int, _ pixels: [UInt8], palette: [UInt8] = []) throws -> [UInt8] {
            try PNG.encode(
                PNG.Picture(width: Self.side, height: Self.side, channels: channels, pixels: pixels),
                palette: palette, effort: effort, text: text)
        }
        guard isOpaque else { return try encode(4, pixels) }
        let plain = isGrey ? try encode(1, red()) : nil
        guard let indexed = TilePalette(self) else { return try plain ?? encode(3, rgb()) }
        let small = try encode(1, indexed.indices, palette: indexed.colours)
        // Of a few colours the indices are shorter for sure; of many, smooth pictures pack better as they are.
        guard indexed.colours.count > 3 * 16 else { return small }
        let other = try plain ?? encode(3, rgb())
        return small.count < other.count ? small : other
    }

    /// Decode a tile.
    ///
    /// - Throws: `RasterError.png` where the data is damaged or not 256 × 256.
    public init(png data: [UInt8]) throws {
        let picture = try PNG.decode(data, maximumPixels: Self.side * Self.side)
        guard picture.width == Self.side, picture.height == Self.side else {
            throw RasterError.png("a tile is 256×256, not \(picture.width)×\(picture.height)")
        }
        self.init(pixels: picture.rgba())
    }

    /// Return the colours without alpha.
    public func rgb() -> [UInt8] {
        let count = Self.side * Self.side
        return [UInt8](unsafeUninitializedCapacity: count * 3) { out, size in
            pixels.withUnsafeBufferPointer { source in
                for index in 0..<count {
                    out[3 * index] = source[4 * index]
                    out[3 * index + 1] = source[4 * index + 1]
                    out[3 * index + 2] = source[4 * index + 2]
                }
            }
            size = count * 3
        }
    }

    private var isGrey: Bool {
        pixels.withUnsafeBufferPointer { bytes in
            stride(from: 0, to: bytes.count, by: 4).allSatisfy {
                bytes[$0] == bytes[$0 + 1] && bytes[$0] == bytes[$0 + 2]
            }
        }
    }

    private func red() -> [UInt8] {
        let count = Self.side * Self.side
        return [UInt8](unsafeUninitializedCapacity: count) { out, size in
            pixels.withUnsafeBufferPointer { source in
                for index in 0..<count { out[index] = source[4 * index] }
            }
            size = count
        }
    }
}

/// The colours of an opaque tile of at most 256, sorted, and the index of each pixel.
struct TilePalette {
    /// Red, green, blue of each colour.
    private(set) var colours: [UInt8] = []
    private(set) var indices: [UInt8] = []

    /// - Complexity: O(pixels up to the 257th colour).
    init?(_ tile: RGBATile) {
        var known: Set<UInt32> = []
        let isSmall = tile.pixels.withUnsafeBytes { bytes -> Bool in
            var last: UInt32?
            for offset in stride(from: 0, to: bytes.count, by: 4) {
                let colour = bytes.load(fromByteOffset: offset, as: UInt32.self).bigEndian >> 8
                if colour == last { continue }
                last = colour
                if known.insert(colour).inserted, known.count > 256 { return false }
            }
            return true
        }
        guard isSmall else { return nil }
        let sorted = known.sorted()
        let places = Dictionary(uniqueKeysWithValues: sorted.enumerated().map { ($1, UInt8($0)) })
        colours = sorted.flatMap { [UInt8($0 >> 16), UInt8($0 >> 8 & 255), UInt8($0 & 255)] }
        indices = tile.pixels.withUnsafeBytes { bytes in
            var last: (colour: UInt32, index: UInt8)?
            return stride(from: 0, to: bytes.count, by: 4).map { offset in
                let colour = bytes.load(fromByteOffset: offset, as: UInt32.self).bigEndian >> 8
                if let last, last.colour == colour { return last.index }
                let index = places[colour] ?? 0
                last = (colour, index)
                return index
            }
        }
    }
}
