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
        let data = try PNG.encode(picture(3), text: ("Job", "4711"))
        try write(data, scratch.path("t.png"))
        #expect(try run("gdalinfo", [scratch.path("t.png")]).contains("Job=4711"))
    }
}
