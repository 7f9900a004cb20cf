import Canvas
import Foundation
import Raster
import Testing

@testable import Pyramid

@Suite struct OverviewTests {
    /// A picture in memory with its own, plain way to halve itself: the reference.
    struct Whole {
        var x: Int
        var y: Int
        var side: Int
        var rgba: [[Double]]

        init(x: Int, y: Int, side: Int, _ pixel: (Int64, Int64) -> [UInt8]) {
            self.x = x
            self.y = y
            self.side = side
            rgba = (0..<side * side).map { index in
                pixel(Int64(x + index % side), Int64(y + index / side)).map { Double($0) }
            }
        }

        static func linear(_ value: Double) -> Double {
            let v = value / 255
            return (65535 * (v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4))).rounded()
        }

        static func coded(_ linear: Double) -> Double {
            let v = linear / 65535
            return (255 * (v <= 0.0031308 ? v * 12.92 : 1.055 * pow(v, 1 / 2.4) - 0.055)).rounded()
        }

        func halved() -> Whole {
            var result = self
            result.x /= 2
            result.y /= 2
            result.side /= 2
            result.rgba = (0..<result.side * result.side).map { index in
                let left = 2 * (index % result.side)
                let top = 2 * (index / result.side)
                let four = [(0, 0), (1, 0), (0, 1), (1, 1)].map { rgba[(top + $0.1) * side + left + $0.0] }
                let alpha = four.reduce(0) { $0 + $1[3] }
                guard alpha > 0 else { return [0, 0, 0, 0] }
                let colours = (0..<3).map { c in
                    let sum = four.reduce(0) { $0 + Self.linear($1[c]) * $1[3] }
                    return Self.coded(((sum / alpha) + 0.5).rounded(.down))
                }
                let mean = ((alpha + 2) / 4).rounded(.down)
                return mean > 0 ? colours + [mean] : [0, 0, 0, 0]
            }
            return result
        }
    }

    private let canvas = Canvas(surface: .webMercator, baseZoom: 5)
    private let hole = { (x: Int64, y: Int64) in (x / 31 + y / 17) % 6 == 0 }
    /// Two regions apart, in one 4096² square of zoom 7 that begins at tile (56, 40) and straddles four cells.
    private let first = CoreSet(columns: 115..<122, rows: 83..<90)
    private let second = CoreSet(columns: 127..<133, rows: 100..<103)

    private func reference(_ sets: [CoreSet]) -> [Int: Whole] {
        let whole = Whole(x: 56 * 256, y: 40 * 256, side: 4096) { x, y in
            guard sets.contains(where: { $0.contains(column: x / 128, row: y / 128) }), !hole(x, y) else {
                return [0, 0, 0, 0]
            }
            return (0..<3).map { noise(x, y, $0 + 3) } + [255]
        }
        var result = [7: whole]
        for zoom in stride(from: 6, through: 4, by: -1) { result[zoom] = result[zoom + 1]?.halved() }
        return result
    }

    private func compare(
        _ mosaic: Mosaic, with reference: [Int: Whole], sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        for (zoom, whole) in reference {
            let rect = PixelRect(
                x: Int64(whole.x), y: Int64(whole.y), width: Int64(whole.side), height: Int64(whole.side))
            let pixels = try mosaic.picture(of: rect, level: 1, zoom: zoom).pixels
            let expected = whole.rgba.flatMap { $0.map { UInt8($0) } }
            let differing = zip(pixels, expected).count { $0 != $1 }
            #expect(differing == 0, "zoom \(zoom): \(differing) of \(expected.count)", sourceLocation: sourceLocation)
        }
    }

    @Test func equalTheWholePictureHalved() throws {
        let scratch = try Scratch()
        let mosaic = try Mosaic(directory: scratch.folder("m"), job: job(canvas))
        let builder = try OverviewBuilder(mosaic: mosaic, level: 1, planned: first.union(second))
        var built = 0
        for core in cores(first.union(second), level: 1) {
            try mosaic.store([rendered(core, on: canvas, hole: hole)])
            built += try builder.update(after: [core])
        }
        try compare(mosaic, with: reference([first, second]))
        #expect(try builder.heal() == 0, "each overview is built once, and none is missing")
        var parents = Set(cores(first.union(second), level: 1).map { canvas.tile(of: $0) })
        var expected = 0
        for _ in 0..<7 {
            parents = Set(parents.map(\.parent))
            expected += parents.count
        }
        #expect(built == expected)
    }

    @Test func parentWaitsForItsChildren() throws {
        let scratch = try Scratch()
        let mosaic = try Mosaic(directory: scratch.folder("m"), job: job(canvas))
        let set = CoreSet(columns: 112..<116, rows: 80..<84)
        let builder = try OverviewBuilder(mosaic: mosaic, level: 1, planned: set)
        let list = cores(set, level: 1)
        try mosaic.store(list.dropLast().map { rendered($0, on: canvas) })
        #expect(try builder.update(after: Array(list.dropLast())) == 0)
        let preview = try #require(try mosaic.tile(zoom: 7, x: 57, y: 41))
        #expect(!preview.isFinal)
        #expect(try mosaic.tile(zoom: 7, x: 56, y: 40)?.isFinal == true)
        #expect(try mosaic.tile(zoom: 6, x: 28, y: 20) == nil)
        try mosaic.store([rendered(list[15], on: canvas)])
        #expect(try builder.update(after: [list[15]]) == 7)
        let root = try #require(try mosaic.tile(zoom: 0, x: 0, y: 0))
        #expect(root.isFinal && root.etag.hasPrefix("\""))
        #expect(try mosaic.tile(zoom: 7, x: 60, y: 40) == nil, "nothing is planned there")
    }

    @Test func laterRegionIsBuiltIntoTheSharedParents() throws {
        let scratch = try Scratch()
        for set in [first, second] {
            let mosaic = try Mosaic(directory: scratch.folder("m"), job: job(canvas))
            let builder = try OverviewBuilder(mosaic: mosaic, level: 1, planned: set)
            try builder.heal()
            try mosaic.store(cores(set, level: 1).map { rendered($0, on: canvas, hole: hole) })
            try builder.update(after: cores(set, level: 1))
        }
        try compare(Mosaic(reading: scratch.folder("m")), with: reference([first, second]))
    }

    @Test func crashBetweenTilesAndOverviewsHeals() throws {
        let scratch = try Scratch()
        do {
            let mosaic = try Mosaic(directory: scratch.folder("m"), job: job(canvas))
            let builder = try OverviewBuilder(mosaic: mosaic, level: 1, planned: first)
            let list = cores(first, level: 1)
            try mosaic.store(list.prefix(20).map { rendered($0, on: canvas, hole: hole) })
            try builder.update(after: Array(list.prefix(20)))
            try mosaic.store(list.dropFirst(20).map { rendered($0, on: canvas, hole: hole) })
        }
        let mosaic = try Mosaic(directory: scratch.folder("m"), job: job(canvas))
        let builder = try OverviewBuilder(mosaic: mosaic, level: 1, planned: first)
        #expect(try builder.heal() > 0)
        try compare(mosaic, with: reference([first]))
        #expect(try builder.heal() == 0)
    }

    @Test func equalColoursStayEqual() {
        for value in UInt8.min...255 {
            let tile = RGBATile(pixels: (0..<65536).flatMap { _ in [value, value, value, 255] })
            let parent = LinearLight.parent(of: [tile, tile, tile, tile])
            #expect(parent == tile)
        }
        let one = RGBATile(pixels: (0..<65536).flatMap { _ in [10, 200, 77, 255] })
        #expect(Array(LinearLight.parent(of: [nil, one, nil, nil]).pixels[512..<516]) == [10, 200, 77, 255])
    }

    @Test func previewShowsTheCascade() throws {
        let scratch = try Scratch()
        let mosaic = try Mosaic(directory: scratch.folder("m"), job: job(canvas, levels: 2))
        let tile = Tile(zoom: 5, x: 9, y: 9)
        try mosaic.storeBase([(tile, base(tile))])
        let below = try OverviewBuilder(mosaic: mosaic, level: 0, planned: mosaic.doneCores(level: 0))
        try below.heal()
        let planned = CoreSet(columns: 18 * 16..<20 * 16, rows: 18 * 16..<20 * 16)
        _ = try OverviewBuilder(mosaic: mosaic, level: 2, planned: planned)
        let same = try #require(try mosaic.tile(zoom: 5, x: 9, y: 9))
        #expect(!same.isFinal)
        #expect(try RGBATile(png: [UInt8](same.png)) == base(tile))
        let magnified = try RGBATile(png: [UInt8](#require(try mosaic.tile(zoom: 6, x: 19, y: 18)).png))
        #expect(magnified.pixels[4 * (256 * 11 + 7)] == noise(9 * 256 + 128 + 3, 9 * 256 + 5, 0))
        #expect(try mosaic.tile(zoom: 2, x: 1, y: 1) != nil)
        #expect(try mosaic.tile(zoom: 2, x: 3, y: 1) == nil)
        let core = Core(level: 1, column: 18 * 4, row: 18 * 4)
        try mosaic.store([rendered(core, on: canvas)])
        let mixed = try RGBATile(png: [UInt8](#require(try mosaic.tile(zoom: 7, x: 36, y: 36)).png))
        #expect(mixed.pixels[0] == noise(72 * 128, 72 * 128, 3))
        #expect(mixed.pixels[4 * 200] == noise(9 * 256 + 50, 9 * 256, 0))
        #expect(mixed.isOpaque)
    }
}
