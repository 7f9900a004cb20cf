import Canvas
import Raster
import Testing

@testable import Pyramid

@Suite struct ConditionTests {
    @Test func isThePixelsUnderTheWindow() throws {
        let scratch = try Scratch()
        let mosaic = try Mosaic(directory: scratch.folder("m"), job: job(levels: 2))
        for y in Int64(9)..<12 {
            try mosaic.storeBase((9..<12).map { (Tile(zoom: 5, x: $0, y: y), base(Tile(zoom: 5, x: $0, y: y))) })
        }
        #expect(mosaic.doneCores(level: 0) == CoreSet(columns: 18..<24, rows: 18..<24))
        let core = Core(level: 1, column: 84, row: 87)
        let condition = try mosaic.condition(for: core)
        let rect = world.geometry.conditionRect(core)
        #expect(condition == rect.rows.flatMap { y in rect.columns.flatMap { x in (0..<3).map { noise(x, y, $0) } } })
    }

    @Test func wrapsAtTheAntimeridian() throws {
        let scratch = try Scratch()
        let mosaic = try Mosaic(directory: scratch.folder("m"), job: job())
        try mosaic.storeBase([0, 31].map { (Tile(zoom: 5, x: $0, y: 9), base(Tile(zoom: 5, x: $0, y: 9))) })
        let core = Core(level: 1, column: 0, row: 76)
        let rect = world.geometry.conditionRect(core)
        #expect(rect.x < 0)
        #expect(
            try mosaic.condition(for: core)
                == rect.rows.flatMap { y in
                    rect.columns.flatMap { x in (0..<3).map { noise(x < 0 ? x + 8192 : x, y, $0) } }
                })
    }

    @Test func holesAreFilledFromTheRest() throws {
        let scratch = try Scratch()
        let mosaic = try Mosaic(directory: scratch.folder("m"), job: job())
        var pixels = [UInt8](repeating: 255, count: RGBATile.byteCount)
        for index in 0..<65536 {
            let isHole = index % 256 > 40
            pixels.replaceSubrange(4 * index..<4 * index + 4, with: isHole ? [0, 0, 0, 0] : [200, 100, 50, 255])
        }
        try mosaic.storeBase([(Tile(zoom: 5, x: 9, y: 9), RGBATile(pixels: pixels))])
        let corner = Core(level: 1, column: 73, row: 73)
        #expect(try mosaic.condition(for: corner) == (0..<64 * 64).flatMap { _ in [200, 100, 50] as [UInt8] })
        let nothing = Core(level: 1, column: 200, row: 200)
        #expect(try mosaic.condition(for: nothing) == [UInt8](repeating: 128, count: 64 * 64 * 3))
    }

    @Test func fillKeepsKnownPixelsAndStaysBetweenThem() {
        var rgba = [UInt8](repeating: 0, count: 56 * 40 * 4)
        var known: [Int] = []
        for index in 0..<56 * 40 where noise(Int64(index), 0, 0) < 60 {
            known.append(index)
            for c in 0..<3 { rgba[4 * index + c] = 90 + noise(Int64(index), 1, c) / 4 }
            rgba[4 * index + 3] = 255
        }
        let filled = ConditionFill.filled(rgba, width: 56, height: 40)
        for index in known {
            #expect(filled[3 * index..<3 * index + 3] == rgba[4 * index..<4 * index + 3].withIndices(at: 3 * index))
        }
        #expect(filled.allSatisfy { (90...154).contains($0) })
        #expect(ConditionFill.filled(rgba, width: 56, height: 40) == filled)
    }

    @Test func maskIsTheAlphaOfTheBase() throws {
        let scratch = try Scratch()
        let mosaic = try Mosaic(directory: scratch.folder("m"), job: job(levels: 2))
        let tile = Tile(zoom: 5, x: 9, y: 9)
        let hole = { (x: Int64, y: Int64) in (x + y) % 7 == 0 && x > 9 * 256 + 100 }
        try mosaic.storeBase([(tile, base(tile, hole: hole))])
        for level in 1...2 {
            let scale = Int64(1) << Int64(2 * level)
            #expect(try mosaic.mask(for: Core(level: level, column: 18 * scale, row: 18 * scale)) == nil)
            let core = Core(level: level, column: 18 * scale + scale + 1, row: 18 * scale + 1)
            let rect = world.geometry.coreRect(core)
            let mask = try #require(try mosaic.mask(for: core))
            #expect(mask == rect.rows.flatMap { y in rect.columns.map { hole($0 / scale, y / scale) ? 0 : 255 } })
        }
        #expect(try mosaic.mask(for: Core(level: 1, column: 0, row: 0))?.allSatisfy { $0 == 0 } == true)
    }

    @Test func baseIsStoredOnce() throws {
        let scratch = try Scratch()
        let mosaic = try Mosaic(directory: scratch.folder("m"), job: job())
        let tile = Tile(zoom: 5, x: 9, y: 9)
        try mosaic.storeBase([(tile, base(tile))])
        try mosaic.storeBase([(tile, base(tile))])
        #expect(throws: MosaicError.self) { try mosaic.storeBase([(tile, RGBATile())]) }
        try mosaic.storeBase([(Tile(zoom: 5, x: 10, y: 9), RGBATile())])
        #expect(mosaic.isDone(Core(level: 0, column: 20, row: 18)), "a tile without data is done too")
    }
}

extension ArraySlice {
    func withIndices(at start: Int) -> ArraySlice {
        (Array(repeating: self[startIndex], count: start) + Array(self))[start..<start + count]
    }
}
