import Raster
import Testing

@Suite struct PNGTests {
    private func picture(_ channels: Int, width: Int = 37, height: Int = 23) -> PNG.Picture {
        var pixels: [UInt8] = []
        for y in 0..<height {
            for x in 0..<width {
                for c in 0..<channels { pixels.append(noise(x, y, c)) }
            }
        }
        return PNG.Picture(width: width, height: height, channels: channels, pixels: pixels)
    }

    @Test(arguments: [1, 2, 3, 4], PNG.Effort.allCases)
    func decodesWhatItEncodes(channels: Int, effort: PNG.Effort) throws {
        let original = picture(channels)
        #expect(try PNG.decode(PNG.encode(original, effort: effort)) == original)
    }

    @Test func equalPixelsGiveEqualBytes() throws {
        #expect(try PNG.encode(picture(3)) == PNG.encode(picture(3)))
    }

    @Test func everyTruncationIsAnError() throws {
        let data = try PNG.encode(picture(3))
        for count in 0..<data.count {
            #expect(throws: RasterError.self, "\(count) bytes") { try PNG.decode(Array(data.prefix(count))) }
        }
    }

    @Test func damagedBytesNeverCrash() throws {
        let data = try PNG.encode(picture(4))
        var failures = 0
        for index in data.indices {
            var damaged = data
            damaged[index] ^= 0xff
            do { _ = try PNG.decode(damaged) } catch { failures += 1 }
        }
        #expect(failures > data.count / 2)
    }

    @Test func sizeIsBoundedBeforeMemoryIsTaken() throws {
        let data = try PNG.encode(picture(3))
        #expect(throws: RasterError.self) { try PNG.decode(data, maximumPixels: 37 * 23 - 1) }
        var huge = data
        huge.replaceSubrange(16..<24, with: [0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff])
        #expect(throws: RasterError.self) { try PNG.decode(huge) }
    }

    @Test func wrongByteCountIsRefused() {
        #expect(throws: RasterError.self) {
            try PNG.encode(PNG.Picture(width: 2, height: 2, channels: 3, pixels: [0, 1, 2]))
        }
    }

    @Test func tileIsRGBWhereOpaqueAndRGBAWhereNot() throws {
        var opaque = (0..<RGBATile.byteCount).map { noise($0, 0, 0) }
        for index in stride(from: 3, to: opaque.count, by: 4) { opaque[index] = 255 }
        let tile = RGBATile(pixels: opaque)
        #expect(try PNG.decode(tile.png()).channels == 3)
        #expect(try RGBATile(png: tile.png()) == tile)
        opaque[3] = 0
        let holed = RGBATile(pixels: opaque)
        #expect(try PNG.decode(holed.png()).channels == 4)
        #expect(Array(holed.pixels.prefix(4)) == [0, 0, 0, 0])
        #expect(try RGBATile(png: holed.png()) == holed)
    }

    private func tile(_ colour: (Int, Int) -> (UInt8, UInt8, UInt8)) -> RGBATile {
        RGBATile(
            pixels: (0..<256 * 256).flatMap { index -> [UInt8] in
                let (r, g, b) = colour(index % 256, index / 256)
                return [r, g, b, 255]
            })
    }

    /// The colour type and bit depth of a PNG's header.
    private func form(_ data: [UInt8]) -> [UInt8] { [data[25], data[24]] }

    @Test(arguments: PNG.Effort.allCases)
    func fewColoursBecomeAPaletteAndGreyIsGrey(effort: PNG.Effort) throws {
        let cases: [(RGBATile, [UInt8])] = [
            (tile { _, _ in (10, 60, 120) }, [3, 1]),
            (tile { x, _ in x < 9 ? (1, 2, 3) : (4, 5, 6) }, [3, 1]),
            (tile { x, y in (UInt8((x * 7 + y) % 4), 9, 9) }, [3, 2]),
            (tile { x, y in (UInt8((x * 7 + y) % 16), 200, 0) }, [3, 4]),
            (tile { x, y in (noise(x, y, 0) / 3, 200, 0) }, [3, 8]),
            (tile { x, y in (noise(x, y, 0), noise(x, y, 0), noise(x, y, 0)) }, [0, 8]),
            (tile { x, y in (noise(x, y, 0), noise(x, y, 1), noise(x, y, 2)) }, [2, 8]),
        ]
        for (tile, expected) in cases {
            let data = try tile.png(effort: effort)
            #expect(form(data) == expected)
            #expect(try RGBATile(png: data) == tile)
            #expect(try tile.png(effort: effort) == data)
        }
        #expect(try cases[0].0.png(effort: effort).count < 200)
    }

    @Test func otherProgramsReadPalettes() throws {
        let scratch = try Scratch()
        let tile = tile { x, y in (UInt8((x + y) % 7), UInt8(x % 2), 7) }
        try write(tile.png(text: PNG.Text(keyword: "Job", value: "0")), scratch.path("p.png"))
        try run("gdal_translate", ["-q", "-expand", "rgb", "-of", "PNG", scratch.path("p.png"), scratch.path("q.png")])
        let expanded = try #require(contents(scratch.path("q.png")))
        #expect(try PNG.decode(expanded).pixels == tile.rgb())
    }

    @Test func readsWhatOtherProgramsWrite() throws {
        let scratch = try Scratch()
        let source = try scratch.pixmap("a.ppm", width: 20, height: 10) { noise($0, $1, $2) }
        try run("gdal_translate", ["-q", "-of", "PNG", source, scratch.path("a.png")])
        let data = try #require(contents(scratch.path("a.png")))
        let picture = try PNG.decode(data)
        #expect(picture.width == 20 && picture.height == 10 && picture.channels == 3)
        #expect(picture.pixels == (0..<600).map { noise($0 / 3 % 20, $0 / 60, $0 % 3) })
    }

    @Test func otherProgramsReadTheText() throws {
        let scratch = try Scratch()
        let data = try PNG.encode(picture(3), text: PNG.Text(keyword: "Job", value: "4711"))
        try write(data, scratch.path("t.png"))
        #expect(try run("gdalinfo", [scratch.path("t.png")]).contains("Job=4711"))
    }
}
