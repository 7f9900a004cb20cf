import Canvas
import Foundation
import Testing

@testable import Raster

@Suite struct BaseMapTests {
    private let limit = WebMercator.limit

    private func pixel(_ tile: RGBATile, _ x: Int, _ y: Int) -> [UInt8] {
        let at = 4 * (y * RGBATile.side + x)
        return Array(tile.pixels[at..<at + 4])
    }

    /// A GeoTIFF of noise on the grid of zoom 6, from tile (30, 20) on.
    private func mercator(_ scratch: Scratch, width: Int = 400, height: Int = 300, extra: [String] = []) throws
        -> String
    {
        let source = try scratch.pixmap("m.ppm", width: width, height: height) { noise($0, $1, $2) }
        let corner = WebMercator.metres(x: 30 * 256, y: 20 * 256, zoom: 6)
        let end = WebMercator.metres(x: 30 * 256 + Int64(width), y: 20 * 256 + Int64(height), zoom: 6)
        try run(
            "gdal_translate",
            ["-q", "-a_srs", "EPSG:3857", "-a_ullr", "\(corner.x)", "\(corner.y)", "\(end.x)", "\(end.y)"] + extra
                + [source, scratch.path("m.tif")])
        return scratch.path("m.tif")
    }

    @Test func gridAlignedSourceComesThroughUnchanged() throws {
        let scratch = try Scratch()
        let map = try BaseMap(path: mercator(scratch))
        #expect(map.canvas == Canvas(surface: .webMercator, baseZoom: 6))
        for (tx, ty) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
            let tile = try map.tile(Tile(zoom: 6, x: Int64(30 + tx), y: Int64(20 + ty)))
            for y in 0..<256 {
                for x in 0..<256 {
                    let sx = tx * 256 + x
                    let sy = ty * 256 + y
                    let inside = sx < 400 && sy < 300
                    let expected = inside ? (0..<3).map { noise(sx, sy, $0) } + [255] : [0, 0, 0, 0]
                    if pixel(tile, x, y) != expected {
                        Issue.record("pixel \(sx),\(sy) is \(pixel(tile, x, y)), not \(expected)")
                        return
                    }
                }
            }
        }
        #expect(try map.tile(Tile(zoom: 6, x: 29, y: 20)).isEmpty)
        #expect(try map.tile(Tile(zoom: 6, x: 30, y: 18)).isEmpty)
        #expect(try map.tile(Tile(zoom: 6, x: 30, y: -1)).isEmpty)
        #expect(throws: RasterError.self) { try map.tile(Tile(zoom: 5, x: 1, y: 1)) }
    }

    @Test func finerSourceIsAveragedByArea() throws {
        let scratch = try Scratch()
        let map = try BaseMap(path: mercator(scratch), zoom: 5)
        let tile = try map.tile(Tile(zoom: 5, x: 15, y: 10))
        for (x, y) in [(0, 0), (17, 33), (100, 149), (199, 5)] {
            for c in 0..<3 {
                let sum = [(0, 0), (1, 0), (0, 1), (1, 1)].reduce(0) { $0 + Int(noise(2 * x + $1.0, 2 * y + $1.1, c)) }
                #expect(Int(pixel(tile, x, y)[c]) == (sum + 2) / 4)
            }
        }
        #expect(pixel(tile, 200, 0)[3] == 0)
    }

    @Test func coarserSourceIsInterpolatedWithoutOvershoot() throws {
        let scratch = try Scratch()
        let source = try scratch.pixmap("s.ppm", width: 64, height: 64) { x, _, _ in x < 32 ? 50 : 200 }
        let corner = WebMercator.metres(x: 30 * 256, y: 20 * 256, zoom: 6)
        let end = WebMercator.metres(x: 30 * 256 + 64, y: 20 * 256 + 64, zoom: 6)
        try run(
            "gdal_translate",
            [
                "-q", "-a_srs", "EPSG:3857", "-a_ullr", "\(corner.x)", "\(corner.y)", "\(end.x)", "\(end.y)", source,
                scratch.path("s.tif"),
            ])
        let map = try BaseMap(path: scratch.path("s.tif"), zoom: 8)
        let tile = try map.tile(Tile(zoom: 8, x: 120, y: 80))
        let row = (0..<256).map { pixel(tile, $0, 128)[0] }
        #expect(row == row.sorted())
        #expect(row.first == 50 && row.last == 200 && Set(row).count > 3)
    }

    @Test func nodataNeverBleeds() throws {
        let scratch = try Scratch()
        let source = try scratch.pixmap("n.ppm", width: 300, height: 300) { x, y, _ in
            (x / 20 + y / 20) % 3 == 0 ? 0 : 180
        }
        try run(
            "gdal_translate",
            [
                "-q", "-a_srs", "EPSG:32632", "-a_ullr", "400000", "5200000", "700000", "4900000", "-a_nodata", "0",
                source, scratch.path("n.tif"),
            ])
        let map = try BaseMap(path: scratch.path("n.tif"))
        var valid = 0
        var holes = 0
        var dirty = 0
        for tile in tiles(of: map, west: 7, south: 43, east: 12, north: 47.5) {
            let pixels = try map.tile(tile).pixels
            for at in stride(from: 0, to: pixels.count, by: 4) {
                if pixels[at + 3] == 255 {
                    valid += 1
                    if pixels[at] != 180 || pixels[at + 1] != 180 || pixels[at + 2] != 180 {
                        Issue.record("a pixel of \(tile) is \(pixels[at..<at + 4])")
                        return
                    }
                } else {
                    holes += 1
                    dirty += pixels[at] | pixels[at + 1] | pixels[at + 2] | pixels[at + 3] == 0 ? 0 : 1
                }
            }
        }
        #expect(valid > 10_000 && holes > 10_000 && dirty == 0)
    }

    private func tiles(of map: BaseMap, west: Double, south: Double, east: Double, north: Double) -> [Tile] {
        let zoom = map.canvas.baseZoom
        let x =
            Int64(WebMercator.x(longitude: west, zoom: zoom)) / 256...Int64(WebMercator.x(longitude: east, zoom: zoom))
            / 256
        let y =
            Int64(WebMercator.y(latitude: north, zoom: zoom)) / 256...Int64(WebMercator.y(latitude: south, zoom: zoom))
            / 256
        return y.flatMap { row in x.map { Tile(zoom: zoom, x: $0, y: row) } }
    }

    @Test func projectedSourceLiesWhereItShould() throws {
        let scratch = try Scratch()
        let source = try scratch.pixmap("u.pgm", width: 200, height: 200, channels: 1) { x, y, _ in
            x == 150 && y == 60 ? 255 : 10
        }
        try run(
            "gdal_translate",
            [
                "-q", "-a_srs", "EPSG:32632", "-a_ullr", "400000", "5300000", "600000", "5100000", source,
                scratch.path("u.tif"),
            ])
        let map = try BaseMap(path: scratch.path("u.tif"), zoom: 8)
        let place = try run(
            "gdaltransform", ["-s_srs", "EPSG:32632", "-t_srs", "EPSG:4326", "-output_xy"], input: "550500 5239500\n"
        )
        .split(separator: " ").compactMap { Double($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
        let x = WebMercator.x(longitude: place[0], zoom: 8)
        let y = WebMercator.y(latitude: place[1], zoom: 8)
        let tile = try map.tile(Tile(zoom: 8, x: Int64(x) / 256, y: Int64(y) / 256))
        var sum = 0.0, sumX = 0.0, sumY = 0.0
        for row in 0..<256 {
            for column in 0..<256 {
                let weight = Double(pixel(tile, column, row)[0]) - 10
                guard weight > 0 else { continue }
                sum += weight
                sumX += weight * (Double(column) + 0.5)
                sumY += weight * (Double(row) + 0.5)
            }
        }
        #expect(abs(sumX / sum - (x - Double(Int64(x) / 256 * 256))) < 0.5)
        #expect(abs(sumY / sum - (y - Double(Int64(y) / 256 * 256))) < 0.5)
    }

    @Test func tilesAreEqualInAnyOrder() throws {
        let scratch = try Scratch()
        let path = try mercator(scratch)
        let list = (29...32).flatMap { x in (19...22).map { Tile(zoom: 6, x: x, y: $0) } }
        let first = try BaseMap(path: path)
        let forwards = try list.map { try first.tile($0) }
        let second = try BaseMap(path: path)
        #expect(try list.reversed().map { try second.tile($0) } == forwards.reversed())
    }

    @Test func sourceAcrossTheAntimeridianHasNoGap() throws {
        let scratch = try Scratch()
        let source = try scratch.pixmap("d.ppm", width: 400, height: 400) { x, y, _ in UInt8(60 + x / 4 + y / 8) }
        for (name, system, corners) in [
            ("lon", "EPSG:4326", ["170", "20", "190", "0"]),
            ("utm", "EPSG:32601", ["-300000", "2300000", "900000", "100000"]),
        ] {
            let path = scratch.path("\(name).tif")
            try run("gdal_translate", ["-q", "-a_srs", system, "-a_ullr"] + corners + [source, path])
            let map = try BaseMap(path: path)
            let zoom = map.canvas.baseZoom
            let count = Int64(1) << Int64(zoom)
            let y = Int64(WebMercator.y(latitude: 10, zoom: zoom))
            let west = try map.tile(Tile(zoom: zoom, x: count - 1, y: y / 256))
            let east = try map.tile(Tile(zoom: zoom, x: 0, y: y / 256))
            #expect(try map.tile(Tile(zoom: zoom, x: count, y: y / 256)) == east)
            #expect(try map.tile(Tile(zoom: zoom, x: -1, y: y / 256)) == west)
            let row = Int(y % 256)
            let line = (200..<256).map { pixel(west, $0, row) } + (0..<56).map { pixel(east, $0, row) }
            #expect(line.allSatisfy { $0[3] == 255 }, "\(name)")
            for (a, b) in zip(line, line.dropFirst()) { #expect(abs(Int(a[0]) - Int(b[0])) <= 1, "\(name)") }
        }
    }

    @Test func globalSourceJoinsItsEnds() throws {
        let scratch = try Scratch()
        let source = try scratch.pixmap("w.pgm", width: 720, height: 360, channels: 1) { x, _, _ in
            UInt8((128 + 100 * cos(Double(x) * .pi / 360)).rounded())
        }
        for west in [-180, 0] {
            let path = scratch.path("w\(west).tif")
            try run(
                "gdal_translate",
                ["-q", "-a_srs", "EPSG:4326", "-a_ullr", "\(west)", "90", "\(west + 360)", "-90", source, path])
            let map = try BaseMap(path: path, zoom: 3)
            for x in 0..<Int64(8) {
                for y in 0..<Int64(8) {
                    let tile = try map.tile(Tile(zoom: 3, x: x, y: y))
                    #expect(tile.isOpaque)
                    let next = try map.tile(Tile(zoom: 3, x: x + 1, y: y))
                    #expect(abs(Int(pixel(tile, 255, 100)[0]) - Int(pixel(next, 0, 100)[0])) <= 1)
                }
            }
        }
    }

    @Test func polarSourceReachesTheLimit() throws {
        let scratch = try Scratch()
        let source = try scratch.pixmap("p.pgm", width: 300, height: 300, channels: 1) { _, _, _ in 90 }
        try run(
            "gdal_translate",
            [
                "-q", "-a_srs", "EPSG:3995", "-a_ullr", "-3000000", "3000000", "3000000", "-3000000", source,
                scratch.path("p.tif"),
            ])
        let map = try BaseMap(path: scratch.path("p.tif"), zoom: 2)
        for x in 0..<Int64(4) { #expect(try pixel(map.tile(Tile(zoom: 2, x: x, y: 0)), 128, 0) == [90, 90, 90, 255]) }
    }

    @Test func pictureLiesOnAPlane() throws {
        let scratch = try Scratch()
        let source = try scratch.pixmap("plain.ppm", width: 600, height: 300) { noise($0, $1, $2) }
        try run("gdal_translate", ["-q", "-of", "PNG", source, scratch.path("plain.png")])
        let map = try BaseMap(path: scratch.path("plain.png"), metresPerPixel: 100)
        #expect(!map.isGeoreferenced)
        #expect(map.canvas == Canvas(surface: .plane(metresPerPixel: 100), baseZoom: 2))
        let tile = try map.tile(Tile(zoom: 2, x: 2, y: 1))
        #expect(pixel(tile, 5, 7) == (0..<3).map { noise(517, 263, $0) } + [255])
        #expect(pixel(tile, 88, 7)[3] == 0 && pixel(tile, 5, 44)[3] == 0)
        #expect(try map.tile(Tile(zoom: 2, x: -1, y: 0)).isEmpty)
        #expect(try map.tile(Tile(zoom: 2, x: 1 << 40, y: 0)).isEmpty)
    }

    @Test func worldFileAndVRTCountAsGeoreference() throws {
        let scratch = try Scratch()
        let source = try scratch.pixmap("v.ppm", width: 64, height: 64) { noise($0, $1, $2) }
        try run(
            "gdal_translate",
            ["-q", "-of", "VRT", "-a_srs", "EPSG:4326", "-a_ullr", "5", "50", "6", "49", source, scratch.path("v.vrt")])
        #expect(try BaseMap(path: scratch.path("v.vrt")).isGeoreferenced)
        #expect(try !BaseMap(path: source).isGeoreferenced)
    }

    @Test func rotatedGeotransformIsFollowed() throws {
        let scratch = try Scratch()
        let source = try scratch.pixmap("r.pgm", width: 100, height: 100, channels: 1) { x, _, _ in x < 50 ? 40 : 220 }
        try run("gdal_translate", ["-q", "-of", "VRT", "-a_srs", "EPSG:3857", source, scratch.path("r.vrt")])
        let text = try String(contentsOfFile: scratch.path("r.vrt"), encoding: .utf8)
        let resolution = WebMercator.resolution(zoom: 8) / 2.0.squareRoot()
        let terms = [0, resolution, resolution, 0, -resolution, resolution].map { "\($0)" }.joined(separator: ", ")
        let rotated = text.replacingOccurrences(
            of: "<VRTRasterBand", with: "<GeoTransform>\(terms)</GeoTransform><VRTRasterBand", options: [],
            range: text.range(of: "<VRTRasterBand"))
        try write(Array(rotated.utf8), scratch.path("r.vrt"))
        let map = try BaseMap(path: scratch.path("r.vrt"))
        #expect(map.canvas.baseZoom == 8)
        // The picture's corner is at the origin and its x axis points south-east, its y axis north-east.
        let tile = try map.tile(Tile(zoom: 8, x: 128, y: 128))
        #expect(pixel(tile, 40, 0)[3] == 255 || pixel(tile, 40, 1)[3] == 255)
        #expect(pixel(tile, 20, 4)[0] == 40)
        #expect(pixel(tile, 90, 40)[0] == 220)
    }

    @Test func paletteAlphaMaskAndGreyAreRead() throws {
        let scratch = try Scratch()
        let source = try scratch.pixmap("q.ppm", width: 64, height: 64) { x, y, c in
            [[200, 10, 10], [10, 200, 10], [10, 10, 200]][(x / 8 + y / 8) % 3][c]
        }
        try run("gdal_translate", ["-q", "-of", "VRT", "-b", "1", source, scratch.path("index.vrt")])
        let vrt = try String(contentsOfFile: scratch.path("index.vrt"), encoding: .utf8)
        let entries = (0..<256).map {
            "<Entry c1=\"\($0 / 2)\" c2=\"\(255 - $0)\" c3=\"7\" c4=\"\($0 == 10 ? 0 : 255)\"/>"
        }
        let interpretation = "<ColorInterp>Palette</ColorInterp><ColorTable>\(entries.joined())</ColorTable>"
        try write(
            Array(vrt.replacingOccurrences(of: "<ColorInterp>Red</ColorInterp>", with: interpretation).utf8),
            scratch.path("index.vrt"))
        let palette = try BaseMap(path: scratch.path("index.vrt")).tile(Tile(zoom: 0, x: 0, y: 0))
        #expect(pixel(palette, 3, 3) == [100, 55, 7, 255] && pixel(palette, 11, 3) == [0, 0, 0, 0])
        let grey = try scratch.pixmap("g.pgm", width: 10, height: 10, channels: 1) { x, _, _ in UInt8(x) }
        #expect(try pixel(BaseMap(path: grey).tile(Tile(zoom: 0, x: 0, y: 0)), 7, 2) == [7, 7, 7, 255])
        var rgba: [UInt8] = []
        for index in 0..<100 { rgba += [UInt8(index), 1, 2, index % 2 == 0 ? 255 : 0] }
        try write(PNG.encode(PNG.Picture(width: 10, height: 10, channels: 4, pixels: rgba)), scratch.path("a.png"))
        let alpha = try BaseMap(path: scratch.path("a.png")).tile(Tile(zoom: 0, x: 0, y: 0))
        #expect(pixel(alpha, 4, 0) == [4, 1, 2, 255] && pixel(alpha, 5, 0) == [0, 0, 0, 0])
        try run(
            "gdal_translate",
            [
                "-q", "-b", "1", "-b", "2", "-b", "3", "-mask", "4", "--config", "GDAL_TIFF_INTERNAL_MASK", "YES",
                scratch.path("a.png"), scratch.path("mask.tif"),
            ])
        let masked = try BaseMap(path: scratch.path("mask.tif")).tile(Tile(zoom: 0, x: 0, y: 0))
        #expect(masked == alpha)
    }

    @Test func badInputIsAClearError() throws {
        let scratch = try Scratch()
        func message(_ path: String, zoom: Int? = nil) -> String {
            do {
                let map = try BaseMap(path: path, zoom: zoom)
                for y in 0..<Int64(4) {
                    for x in 0..<Int64(4) where x < 1 << map.canvas.baseZoom && y < 1 << map.canvas.baseZoom {
                        _ = try map.tile(Tile(zoom: map.canvas.baseZoom, x: x, y: y))
                    }
                }
                return ""
            } catch { return "\(error)" }
        }
        #expect(message(scratch.path("none.tif")).contains("no such file"))
        try write(Array("not a raster".utf8), scratch.path("text.tif"))
        #expect(message(scratch.path("text.tif")).contains("text.tif"))
        let source = try scratch.pixmap("s.ppm", width: 512, height: 512) { noise($0, $1, $2) }
        try run("gdal_translate", ["-q", "-ot", "UInt16", source, scratch.path("deep.tif")])
        #expect(message(scratch.path("deep.tif")).contains("gdal_translate -ot Byte"))
        for (driver, name) in [("GTiff", "cut.tif"), ("JPEG", "cut.jpg"), ("PNG", "cut.png")] {
            try run("gdal_translate", ["-q", "-of", driver, source, scratch.path(name)])
            let data = try #require(contents(scratch.path(name)))
            try write(Array(data.prefix(data.count / 2)), scratch.path(name))
            #expect(message(scratch.path(name)).contains(name), "\(name)")
        }
        #expect(message(source, zoom: 31).contains("zoom 31"))
        #expect(message(try mercator(scratch), zoom: -1).contains("zoom -1"))
    }

    @Test func digestIsThatOfTheBytes() throws {
        let scratch = try Scratch()
        let path = try mercator(scratch)
        let expected = try run("sha256sum", [path]).prefix(64)
        #expect(try BaseMap(path: path).digest() == expected)
        try run("gdalinfo", ["-stats", path])
        #expect(try BaseMap(path: path).digest() == expected, "statistics that programs leave beside it do not count")
        let other = try scratch.pixmap("o.ppm", width: 400, height: 300) { noise($0, $1, $2 + 1) }
        #expect(try BaseMap(path: other).digest() != expected)
    }

    @Test func builtinMapCoversTheWorld() throws {
        let map = try BaseMap(path: BuiltinBaseMap.url().path)
        #expect(map.canvas == Canvas(surface: .webMercator, baseZoom: 5))
        for y in [Int64(4), 12, 20] {
            let west = try map.tile(Tile(zoom: 5, x: 31, y: y))
            let east = try map.tile(Tile(zoom: 5, x: 0, y: y))
            #expect(west.isOpaque && east.isOpaque)
            for row in 0..<256 {
                let line = (240..<256).map { pixel(west, $0, row) } + [pixel(east, 0, row)]
                for (a, b) in zip(line, line.dropFirst()) {
                    #expect((0..<3).allSatisfy { abs(Int(a[$0]) - Int(b[$0])) < 80 }, "row \(row) of tile row \(y)")
                }
            }
        }
        let whole = CoreSet(columns: 0..<64, rows: 0..<64)
        #expect(try map.coverage(level: 0, candidates: whole) == whole)
    }
}

@Suite struct BuiltinBaseMapTests {
    @Test func placesInOrder() {
        let places = BuiltinBaseMap.places(
            environment: "/data", executable: URL(fileURLWithPath: "/opt/tessera/bin/tessera"))
        #expect(
            places.map(\.path).prefix(2) == [
                "/data/world/bluemarble.vrt", "/opt/tessera/share/tessera/world/bluemarble.vrt",
            ])
        #expect(BuiltinBaseMap.places(environment: nil, executable: nil).isEmpty)
    }
}
