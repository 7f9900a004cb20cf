internal import CPNG

/// 8-bit PNG through libpng (W3C PNG, third edition); equal pixels and settings give equal bytes.
public enum PNG {
    /// How much time to spend on fewer bytes; the pixels are the same.
    public enum Effort: String, Sendable, CaseIterable, Codable {
        /// zlib level 1, run lengths only, filter Sub: noise 14 % faster and 1 % larger, smooth pictures a third larger.
        case fast
        /// zlib level 6, run lengths only, filters Sub and Up: within 4 % of the usual size in a tenth of the time.
        case standard = "default"
        /// zlib level 9 with full matching and every filter.
        case small
    }

    /// A decoded picture: rows of `channels` bytes a pixel, without padding.
    public struct Picture: Sendable, Hashable {
        public var width: Int
        public var height: Int
        /// 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA.
        public var channels: Int
        public var pixels: [UInt8]

        public init(width: Int, height: Int, channels: Int, pixels: [UInt8]) {
            self.width = width
            self.height = height
            self.channels = channels
            self.pixels = pixels
        }

        /// Return the picture as RGBA: grey is spread, missing alpha is 255.
        public func rgba() -> [UInt8] {
            if channels == 4 { return pixels }
            let colours = channels >= 3 ? 3 : 1
            return [UInt8](unsafeUninitializedCapacity: width * height * 4) { out, count in
                for index in 0..<width * height {
                    for c in 0..<3 { out[4 * index + c] = pixels[index * channels + min(c, colours - 1)] }
                    out[4 * index + 3] = channels == 2 ? pixels[index * 2 + 1] : 255
                }
                count = width * height * 4
            }
        }
    }

    /// A keyword (1 … 79 Latin-1 characters) and a value for one tEXt chunk.
    public struct Text: Sendable, Hashable {
        public var keyword: String
        public var value: String

        public init(keyword: String, value: String) {
            self.keyword = keyword
            self.value = value
        }
    }

    /// Encode a picture.
    ///
    /// - Throws: `RasterError.png` where sizes and bytes disagree or memory runs out.
    public static func encode(_ picture: Picture, effort: Effort = .standard, text: Text? = nil) throws -> [UInt8] {
        try encode(picture, palette: [], effort: effort, text: text)
    }

    /// Encode a picture; with a palette of RGB triples, its one channel is an index.
    static func encode(_ picture: Picture, palette: [UInt8], effort: Effort, text: Text?) throws -> [UInt8] {
        let (area, overflow) = picture.width.multipliedReportingOverflow(by: picture.height)
        guard picture.width > 0, picture.height > 0, !overflow, area < 1 << 40, (1...4).contains(picture.channels),
            picture.width < 1 << 31, picture.height < 1 << 31, area * picture.channels == picture.pixels.count
        else {
            throw RasterError.png(
                "\(picture.pixels.count) bytes are not \(picture.width)×\(picture.height)×\(picture.channels)")
        }
        var out: UnsafeMutablePointer<UInt8>?
        var size = 0
        try withOptionalCString(text?.keyword) { keyword in
            try withOptionalCString(text?.value) { value in
                try palette.withUnsafeBufferPointer { colours in
                    var settings = tessera_png_settings()
                    settings.level = effort == .fast ? 1 : effort == .standard ? 6 : 9
                    settings.run_lengths = effort == .small ? 0 : 1
                    settings.filters =
                        effort == .fast
                        ? TESSERA_PNG_SUB : effort == .standard ? TESSERA_PNG_SUB_UP : TESSERA_PNG_ALL_FILTERS
                    settings.palette = palette.isEmpty ? nil : colours.baseAddress
                    settings.colours = Int32(palette.count / 3)
                    settings.keyword = keyword
                    settings.text = value
                    try checked { message in
                        tessera_png_encode(
                            picture.pixels, UInt32(picture.width), UInt32(picture.height), Int32(picture.channels),
                            &settings, &out, &size, message)
                    }
                }
            }
        }
        defer { tessera_png_free(out) }
        return [UInt8](UnsafeBufferPointer(start: out, count: size))
    }

    private static func withOptionalCString(
        _ text: String?, _ body: (UnsafePointer<CChar>?) throws -> Void
    ) rethrows {
        guard let text else { return try body(nil) }
        try text.withCString(body)
    }

    /// Decode a picture; palettes and small depths are expanded, 16 bits scaled to 8.
    ///
    /// - Parameter maximumPixels: The most pixels to accept; larger data is refused before memory is taken.
    /// - Throws: `RasterError.png` for damaged, truncated or oversized data.
    public static func decode(_ data: [UInt8], maximumPixels: Int = 1 << 28) throws -> Picture {
        var out: UnsafeMutablePointer<UInt8>?
        var width: UInt32 = 0
        var height: UInt32 = 0
        var channels: Int32 = 0
        try checked { message in
            tessera_png_decode(
                data, data.count, UInt64(max(0, maximumPixels)), &out, &width, &height, &channels, message)
        }
        defer { tessera_png_free(out) }
        let bytes = UnsafeBufferPointer(start: out, count: Int(width) * Int(height) * Int(channels))
        return Picture(width: Int(width), height: Int(height), channels: Int(channels), pixels: [UInt8](bytes))
    }

    private static func checked(_ call: (UnsafeMutablePointer<CChar>) -> Int32) throws {
        var message = [CChar](repeating: 0, count: Int(TESSERA_PNG_MESSAGE))
        let failed = message.withUnsafeMutableBufferPointer { buffer in
            buffer.baseAddress.map { call($0) != 0 } ?? true
        }
        if failed {
            let text = message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            throw RasterError.png(String(decoding: text, as: UTF8.self))
        }
    }
}
