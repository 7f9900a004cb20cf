import Canvas
import Foundation
import Testing

@Suite struct Boxes {
    private func box(_ west: Double, _ south: Double, _ east: Double, _ north: Double) -> Region {
        .box(west: west, south: south, east: east, north: north)
    }

    @Test func aBoxTakesTheCoresUnderIt() throws {
        var generator = Generator(30)
        for _ in 0..<200 {
            let canvas = world(Int(generator.int(0...5)), geometry: try generator.geometry())
            let (west, south) = (generator.double(-180...179), generator.double(-84...83))
            let east = generator.double(west + 0.01...180)
            let north = generator.double(south + 0.01...85)
            let set = try box(west, south, east, north).cores(on: canvas, level: 1)
            let zoom = canvas.zoom(level: 1)
            for _ in 0..<20 {
                let x = WebMercator.x(longitude: generator.double(west...east), zoom: zoom)
                let y = WebMercator.y(latitude: generator.double(south...north), zoom: zoom)
                let owner = canvas.geometry.owner(level: 1, x: Int64(x.rounded(.down)), y: Int64(y.rounded(.down)))
                let core = try #require(canvas.normalized(owner))
                #expect(set.contains(column: core.column, row: core.row))
            }
            for place in [set.places.first, set.places.last].compactMap(\.self) {
                let rect = canvas.geometry.coreRect(Core(level: 1, column: place.column, row: place.row))
                #expect(WebMercator.longitude(x: Double(rect.x), zoom: zoom) < east + 1e-9)
                #expect(WebMercator.longitude(x: Double(rect.x + rect.width), zoom: zoom) > west - 1e-9)
                #expect(WebMercator.latitude(y: Double(rect.y), zoom: zoom) > south - 1e-9)
                #expect(WebMercator.latitude(y: Double(rect.y + rect.height), zoom: zoom) < north + 1e-9)
            }
        }
    }

    @Test func acrossTheAntimeridianABoxIsItsTwoHalves() throws {
        let canvas = world(4)
        let east = try box(175, -20, 180, -10).cores(on: canvas, level: 2)
        let west = try box(-180, -20, -172, -10).cores(on: canvas, level: 2)
        let count = try #require(canvas.worldCores(level: 2))
        #expect(east.columns.upperBound == count && west.columns.lowerBound == 0)
        for other in [box(175, -20, -172, -10), box(175, -20, 188, -10), box(-185, -20, -172, -10)] {
            #expect(try other.cores(on: canvas, level: 2) == east.union(west))
        }
    }

    @Test func theWorldIsTheWholeSquare() throws {
        let canvas = world(3)
        let all = CoreSet(columns: 0..<16, rows: 0..<16)
        for region in [
            box(-180, -90, 180, 90), box(0, -90, 360, 90), box(-180, -85.052, 180, 85.052),
            .rect(PixelRect(x: -5000, y: -5000, width: 10_000, height: 10_000)),
        ] {
            #expect(try region.cores(on: canvas, level: 0) == all)
        }
    }

    @Test func latitudesAreClampedWhereTheMapEnds() throws {
        let canvas = world(3)
        let polar = try box(10, 84, 20, 90).cores(on: canvas, level: 0)
        #expect(polar.rows.lowerBound == 0)
        #expect(try box(10, 84, 20, 85.06).cores(on: canvas, level: 0) == polar)
        let error = #expect(throws: CanvasError.self) { try box(10, 86, 20, 89).cores(on: canvas, level: 0) }
        #expect(error?.description.contains("85.0511") == true)
    }

    @Test func mistypedBoxesAreNamed() throws {
        for (region, text) in [
            (box(.nan, 0, 1, 1), "not four numbers"), (box(0, 0, .infinity, 1), "not four numbers"),
            (box(0, -100, 1, 1), "leaves the globe"), (box(400, 0, 401, 1), "leaves the globe"),
            (box(1e300, 0, 1, 1), "leaves the globe"),
            (box(0, 5, 1, 5), "south must be below north"), (box(0, 6, 1, 5), "south must be below north"),
            (box(3, 0, 3, 1), "empty"), (box(180, 0, -180, 1), "empty"), (box(350, 0, -350, 1), "empty"),
            (box(-200, 0, 200, 1), "wraps more than once"), (box(20, 0, 10, 1), "swapped"),
        ] {
            let error = #expect(throws: CanvasError.self) { try region.cores(on: world(), level: 1) }
            #expect(error?.description.contains(text) == true, "\(region): \(error?.description ?? "nothing thrown")")
        }
        let error = #expect(throws: CanvasError.self) { try box(0, 0, 1, 1).cores(on: plane(), level: 1) }
        #expect(error?.description.contains("--rect") == true)
    }

    @Test func impossibleRectanglesAreRefused() throws {
        let far = Int64(1) << 40
        for rect in [
            PixelRect(x: 0, y: 0, width: 0, height: 5), PixelRect(x: 0, y: 0, width: 5, height: -1),
            PixelRect(x: far, y: 0, width: 5, height: 5), PixelRect(x: 0, y: -far, width: 5, height: 5),
            PixelRect(x: 0, y: 0, width: far, height: 5), PixelRect(x: .min, y: .min, width: 5, height: 5),
            PixelRect(x: .max, y: 0, width: .max, height: .max), PixelRect(x: 0, y: 0, width: 5, height: 1 << 33),
        ] {
            for level in [-1, 3, 15, 64] {
                #expect(throws: CanvasError.self) { try Region.rect(rect).cores(on: plane(), level: level) }
            }
        }
        let edge = PixelRect(x: -(1 << 20), y: 1 << 20, width: 1, height: 1)
        let set = try Region.rect(edge).cores(on: plane(), level: 10)
        let start = Int64(1) << 33
        #expect(set == CoreSet(columns: -start..<8192 - start, rows: start..<start + 8192))
    }

    @Test func negativeCoordinatesOfAPictureWork() throws {
        let set = try Region.rect(PixelRect(x: -129, y: -1, width: 130, height: 2)).cores(on: plane(), level: 0)
        #expect(set == CoreSet(columns: -2..<1, rows: -1..<1))
    }
}

@Suite struct Mercator {
    /// Cell sizes in metres of WebMercatorQuad (OGC 17-083r4, annex D.1).
    @Test func resolutionsAreThePublishedOnes() {
        for (zoom, metres) in [
            (0, 156543.033928041), (1, 78271.51696402048), (5, 4891.969810251280), (10, 152.8740565703525),
            (15, 4.777314267823516), (18, 0.5971642834779395), (24, 0.009330691929342),
        ] {
            #expect(abs(WebMercator.resolution(zoom: zoom) / metres - 1) < 1e-9)
        }
        let origin = WebMercator.metres(x: 0, y: 0, zoom: 7)
        #expect(abs(origin.x + 20_037_508.3427892) < 1e-6 && abs(origin.y - 20_037_508.3427892) < 1e-6)
        let end = WebMercator.metres(x: 256 << 7, y: 128 << 7, zoom: 7)
        #expect(abs(end.x - 20_037_508.3427892) < 1e-6 && abs(end.y) < 1e-6)
    }

    @Test func degreesAndPixelsAreInverse() {
        var generator = Generator(31)
        for _ in 0..<500 {
            let zoom = Int(generator.int(0...30))
            let (longitude, latitude) = (generator.double(-180...180), generator.double(-85.05...85.05))
            let x = WebMercator.x(longitude: longitude, zoom: zoom)
            let y = WebMercator.y(latitude: latitude, zoom: zoom)
            #expect(abs(WebMercator.longitude(x: x, zoom: zoom) - longitude) < 1e-9)
            #expect(abs(WebMercator.latitude(y: y, zoom: zoom) - latitude) < 1e-9)
        }
        #expect(WebMercator.y(latitude: 0, zoom: 3) == 1024 && WebMercator.x(longitude: 0, zoom: 3) == 1024)
        #expect(WebMercator.y(latitude: 90, zoom: 3) == WebMercator.y(latitude: 85.06, zoom: 3))
        #expect(abs(WebMercator.y(latitude: WebMercator.maximumLatitude, zoom: 3)) < 1e-9)
        #expect(abs(WebMercator.y(latitude: -90, zoom: 3) - 2048) < 1e-9)
    }

    @Test func groundResolutionShrinksWithLatitude() throws {
        let canvas = world(5)
        let level = 5
        for latitude in [33.14, -33.14] {
            let zoom = canvas.zoom(level: level)
            #expect(zoom == 15)
            let y = Int64(WebMercator.y(latitude: latitude, zoom: zoom))
            let core = canvas.geometry.owner(level: level, x: 0, y: y)
            let expected = 2.0  // log₂ of 4.00 m
            #expect(abs(canvas.log2Resolution(of: core) - expected) < 1.0 / 256)
            let other = Core(level: level, column: core.column + 1000, row: core.row)
            #expect(canvas.log2Resolution(of: other) == canvas.log2Resolution(of: core))
        }
        for level in 0...3 {
            let count = try #require(canvas.worldCores(level: level))
            for row in stride(from: 0, to: count, by: 5) {
                let core = Core(level: level, column: 0, row: row)
                let zoom = canvas.zoom(level: level)
                let center = WebMercator.latitude(y: (Double(row) + 0.5) * 128, zoom: zoom) * .pi / 180
                let expected = log2(WebMercator.resolution(zoom: zoom) * cos(center))
                let value = canvas.log2Resolution(of: core)
                #expect(abs(value - expected) <= 1.0 / 512 + 1e-9 && value * 256 == (value * 256).rounded())
            }
        }
        for level in 0...3 {
            let picture = Canvas(surface: .plane(metresPerPixel: 64), baseZoom: 0)
            let value = picture.log2Resolution(of: Core(level: level, column: -5, row: 900))
            #expect(value == Double(6 - 2 * level))
        }
    }
}

@Suite struct RegionCodingTests {
    @Test(arguments: [
        (Region.box(west: -1.5, south: 2, east: 3, north: 4), #"{"bbox":[-1.5,2,3,4]}"#),
        (Region.rect(PixelRect(x: -1, y: 2, width: 3, height: 4)), #"{"rect":[-1,2,3,4]}"#),
        (
            Region.polygons([[[GeoPoint(longitude: 1, latitude: 2), GeoPoint(longitude: 3, latitude: 4)]]]),
            #"{"polygons":[[[[1,2],[3,4]]]]}"#
        ),
    ])
    func readsWhatItWrites(region: Region, json: String) throws {
        #expect(String(decoding: try JSONEncoder().encode(region), as: UTF8.self) == json)
        #expect(try JSONDecoder().decode(Region.self, from: Data(json.utf8)) == region)
    }

    @Test func namesWhatIsWrongWithGeoJSON() {
        let error = #expect(throws: CanvasError.self) { try Region(geoJSON: Data(#"{"type": 5}"#.utf8)) }
        #expect(error?.description.contains("type") == true)
    }
}
