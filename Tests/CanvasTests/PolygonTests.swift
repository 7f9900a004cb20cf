import Canvas
import Foundation
import Testing

@Suite struct Polygons {
    private static func ring(_ points: [(Double, Double)]) -> [GeoPoint] {
        points.map { GeoPoint(longitude: $0.0, latitude: $0.1) }
    }

    /// Return whether a point in pixels lies within the rings, by even-odd.
    private func inside(_ x: Double, _ y: Double, _ rings: [[(x: Double, y: Double)]]) -> Bool {
        var result = false
        for ring in rings {
            for (a, b) in zip(ring, ring.dropFirst() + ring.prefix(1)) where (a.y > y) != (b.y > y) {
                if x < a.x + (y - a.y) / (b.y - a.y) * (b.x - a.x) { result.toggle() }
            }
        }
        return result
    }

    /// Stars of random radii, some with a hole; sampled on a grid of points in every core around them.
    @Test func theCoverHoldsEveryCoreWithAPointInsideAndNoneFarAway() throws {
        var generator = Generator(40)
        for _ in 0..<60 {
            let canvas = world(4, geometry: try WindowGeometry(core: 64, margin: 16))
            let level = 1
            let zoom = canvas.zoom(level: level)
            let center = (generator.double(-150...150), generator.double(-60...60))
            let corners = Int(generator.int(3...9))
            func star(_ scale: Double) -> [GeoPoint] {
                (0..<corners).map { corner in
                    let angle = 2 * .pi * Double(corner) / Double(corners)
                    let radius = generator.double(2...12) * scale
                    return GeoPoint(
                        longitude: center.0 + radius * cos(angle), latitude: center.1 + radius * sin(angle))
                }
            }
            let rings = [star(1)] + (Bool.random(using: &generator) ? [star(0.15)] : [])
            let set = try Region.polygons([rings]).cores(on: canvas, level: level)
            let pixels = rings.map { ring in
                ring.map { point in
                    (
                        x: WebMercator.x(longitude: point.longitude, zoom: zoom),
                        y: WebMercator.y(latitude: point.latitude, zoom: zoom)
                    )
                }
            }
            var missing = 0
            var extra = 0
            for row in set.rows.lowerBound - 2..<set.rows.upperBound + 2 {
                for column in set.columns.lowerBound - 2..<set.columns.upperBound + 2 {
                    let (x, y) = (Double(column) * 64, Double(row) * 64)
                    let samples = (0...8).flatMap { i in (0...8).map { (Double(i) * 8, Double($0) * 8) } }
                    let own = samples.contains { sample in
                        let inner = (min(max(sample.0, 0.01), 63.99), min(max(sample.1, 0.01), 63.99))
                        return inside(x + inner.0, y + inner.1, pixels)
                    }
                    let covered = set.contains(column: column, row: row)
                    if own && !covered { missing += 1 }
                    // Only what an edge cuts off can hide between the samples.
                    if covered && !own && !touched(x: x, y: y, size: 64, pixels) { extra += 1 }
                }
            }
            #expect(missing == 0 && extra == 0, "\(rings)")
        }
    }

    /// Return whether some edge passes through a square, by sampling the edges.
    private func touched(x: Double, y: Double, size: Double, _ rings: [[(x: Double, y: Double)]]) -> Bool {
        rings.contains { ring in
            zip(ring, ring.dropFirst() + ring.prefix(1)).contains { a, b in
                (0...4000).contains { step in
                    let t = Double(step) / 4000
                    let (px, py) = (a.x + t * (b.x - a.x), a.y + t * (b.y - a.y))
                    return px >= x - 1 && px <= x + size + 1 && py >= y - 1 && py <= y + size + 1
                }
            }
        }
    }

    @Test func aRectangleIsTheBoxOfItsBounds() throws {
        var generator = Generator(41)
        for _ in 0..<200 {
            let canvas = world(3, geometry: try generator.geometry())
            let (west, south) = (generator.double(-180...170), generator.double(-80...70))
            let (east, north) = (west + generator.double(0.1...9), south + generator.double(0.1...9))
            let polygon = Region.polygons([[Self.ring([(west, south), (east, south), (east, north), (west, north)])]])
            let box = Region.box(west: west, south: south, east: east, north: north)
            let (a, b) = (try polygon.cores(on: canvas, level: 2), try box.cores(on: canvas, level: 2))
            // The box is rounded outwards to whole pixels first.
            #expect(a.intersection(b) == a)
            #expect(b.count - a.count <= 2 * (b.columns.count + b.rows.count))
            if a.count > 0 { #expect(b.rows.count - a.rows.count <= 2) }
        }
    }

    @Test func aPolygonThatEndsAtTheAntimeridianStaysOnItsSide() throws {
        let canvas = world(4)
        let east = Region.polygons([[Self.ring([(170, -10), (180, -10), (180, 10), (170, 10), (170, -10)])]])
        let west = Region.polygons([[Self.ring([(-180, -10), (-170, -10), (-170, 10), (-180, 10)])]])
        let count = try #require(canvas.worldCores(level: 1))
        let (e, w) = (try east.cores(on: canvas, level: 1), try west.cores(on: canvas, level: 1))
        #expect(e.columns.upperBound == count && e.columns.lowerBound > count / 2)
        #expect(w.columns.lowerBound == 0 && w.columns.upperBound < count / 2)
        let beyond = Region.polygons([[Self.ring([(170, -10), (190, -10), (190, 10), (170, 10)])]])
        #expect(try beyond.cores(on: canvas, level: 1) == e.union(w))
    }

    @Test func theWholeWorldAsAPolygon() throws {
        let world = world(3)
        let all = Region.polygons([[Self.ring([(-180, -90), (180, -90), (180, 90), (-180, 90)])]])
        #expect(try all.cores(on: world, level: 0) == CoreSet(columns: 0..<16, rows: 0..<16))
        let polar = Region.polygons([[Self.ring([(0, 86), (20, 86), (10, 89)])]])
        #expect(throws: CanvasError.self) { try polar.cores(on: world, level: 0) }
    }

    @Test func holesAreLeftOutAndPartsAreJoined() throws {
        let canvas = world(5)
        func square(_ west: Double, _ size: Double) -> [GeoPoint] {
            Self.ring([(west, 0), (west + size, 0), (west + size, size), (west, size)])
        }
        let hole = Self.ring([(5, 5), (15, 5), (15, 15), (5, 15)])
        let solid = try Region.polygons([[square(0, 20)]]).cores(on: canvas, level: 1)
        let holed = try Region.polygons([[square(0, 20), hole]]).cores(on: canvas, level: 1)
        let owner = canvas.geometry.owner(
            level: 1, x: Int64(WebMercator.x(longitude: 10, zoom: 7)), y: Int64(WebMercator.y(latitude: 10, zoom: 7)))
        #expect(solid.contains(column: owner.column, row: owner.row))
        #expect(!holed.contains(column: owner.column, row: owner.row))
        #expect(holed.intersection(solid) == holed && holed.count < solid.count)
        let two = try Region.polygons([[square(0, 20)], [square(40, 20)]]).cores(on: canvas, level: 1)
        #expect(two == solid.union(try Region.polygons([[square(40, 20)]]).cores(on: canvas, level: 1)))
    }

    @Test func impossiblePolygonsAreRefused() {
        for rings in [
            [], [Self.ring([])], [Self.ring([(0, 0), (1, 1)])], [Self.ring([(0, 0), (1, .nan), (1, 0)])],
            [Self.ring([(0, 0), (500, 1), (1, 0)])], [Self.ring([(0, 0), (1, 91), (1, 0)])],
            [Self.ring([(5, 5), (5, 5), (5, 5)])],
        ] {
            #expect(throws: CanvasError.self) { try Region.polygons([rings]).cores(on: world(), level: 1) }
        }
        let triangle = Region.polygons([[Self.ring([(0, 0), (1, 1), (1, 0)])]])
        #expect(throws: CanvasError.self) { try triangle.cores(on: plane(), level: 1) }
        let globe = Region.polygons([[Self.ring([(-180, -85), (180, -85), (180, 85), (-180, 85)])]])
        #expect(throws: CanvasError.self) { try globe.cores(on: world(4), level: 13) }
    }
}

@Suite struct GeoJSON {
    private let square = "[[[0,0],[2,0],[2,2],[0,2],[0,0]]]"

    private func region(_ text: String) throws -> Region { try Region(geoJSON: Data(text.utf8)) }

    @Test func everyWayToWriteAPolygonIsRead() throws {
        let polygon = "{\"type\":\"Polygon\",\"coordinates\":\(square)}"
        let expected = try region(polygon)
        guard case .polygons(let polygons) = expected else {
            Issue.record("not polygons: \(expected)")
            return
        }
        #expect(polygons.count == 1 && polygons[0].count == 1 && polygons[0][0].count == 5)
        #expect(polygons[0][0][1] == GeoPoint(longitude: 2, latitude: 0))
        let feature = "{\"type\":\"Feature\",\"properties\":{\"name\":[1,{}]},\"geometry\":\(polygon)}"
        let point = "{\"type\":\"Point\",\"coordinates\":[1,2]}"
        for text in [
            "{\"type\":\"MultiPolygon\",\"coordinates\":[\(square)]}", feature,
            "{\"type\":\"FeatureCollection\",\"features\":[\(feature)],\"bbox\":[0,0,2,2]}",
            "{\"type\":\"GeometryCollection\",\"geometries\":[\(point),\(polygon)]}",
            "{\"type\":\"Polygon\",\"coordinates\":\(square.replacingOccurrences(of: "[2,2]", with: "[2,2,850]"))}",
            "{\"type\":\"FeatureCollection\",\"features\":[{\"type\":\"Feature\",\"geometry\":null},\(feature)]}",
        ] {
            #expect(try region(text) == expected)
        }
        let two = try region("{\"type\":\"FeatureCollection\",\"features\":[\(feature),\(feature)]}")
        #expect(two == .polygons(polygons + polygons))
    }

    @Test func whatIsNoPolygonIsRefused() {
        for text in [
            "", "[]", "7", "{", "{\"type\":\"Polygon\"}", "{\"coordinates\":\(square)}",
            "{\"type\":\"Polygon\",\"coordinates\":[[0,0]]}", "{\"type\":\"Polygon\",\"coordinates\":[[[\"a\",0]]]}",
            "{\"type\":\"Polygon\",\"coordinates\":[[[1],[2],[3]]]}", "{\"type\":\"Point\",\"coordinates\":[1,2]}",
            "{\"type\":\"FeatureCollection\",\"features\":[]}", "{\"type\":\"Polygon\",\"coordinates\":null}",
            String(repeating: "{\"type\":\"Feature\",\"geometry\":", count: 100_000),
        ] {
            #expect(throws: CanvasError.self) { try region(text) }
        }
    }
}
