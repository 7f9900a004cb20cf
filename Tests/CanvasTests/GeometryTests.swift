import Canvas
import Foundation
import Testing

@Suite struct Geometry {
    @Test func theStandardWindowIs256AroundACoreOf128() {
        let standard = WindowGeometry.standard
        #expect(standard.core == 128 && standard.margin == 64 && standard.window == 256)
        #expect(standard.condition == 64 && standard.coresPerTile == 2)
    }

    @Test func sizesThatBreakTheGridAreRefused() throws {
        for core: Int64 in [.min, -128, 0, 16, 31, 33, 96, 257, 512, .max] {
            #expect(throws: CanvasError.self) { try WindowGeometry(core: core, margin: 0) }
        }
        for margin: Int64 in [.min, -4, 2, 63, 196, 1 << 62, .max] {
            let error = #expect(throws: CanvasError.self) { try WindowGeometry(core: 128, margin: margin) }
            #expect(error?.description.contains("\(margin)") == true)
        }
        for core: Int64 in [32, 64, 128, 256] {
            let largest = try WindowGeometry(core: core, margin: 3 * core / 2)
            #expect(largest.window == 4 * core && largest.condition == core)
        }
    }

    @Test func aGeometryOrCanvasFromAFileIsChecked() throws {
        let geometry = try WindowGeometry(core: 64, margin: 8)
        let canvas = Canvas(surface: .plane(metresPerPixel: 2.5), baseZoom: 3, geometry: geometry)
        let data = try JSONEncoder().encode(canvas)
        #expect(try JSONDecoder().decode(Canvas.self, from: data) == canvas)
        let text = String(decoding: data, as: UTF8.self)
        for (good, bad) in [
            ("\"core\":64", "\"core\":65"), ("\"margin\":8", "\"margin\":7"), ("\"baseZoom\":3", "\"baseZoom\":-9"),
            ("\"baseZoom\":3", "\"baseZoom\":31"), ("2.5", "0"), ("2.5", "-1"),
        ] {
            let damaged = text.replacingOccurrences(of: good, with: bad)
            #expect(damaged != text)
            #expect(throws: (any Error).self) {
                try JSONDecoder().decode(Canvas.self, from: Data(damaged.utf8))
            }
        }
    }
}

@Suite struct Windows {
    @Test func everyPixelHasExactlyOneOwner() throws {
        var generator = Generator(1)
        for _ in 0..<200 {
            let geometry = try generator.geometry()
            let (x, y) = (generator.int(-(1 << 38)...1 << 38), generator.int(-(1 << 38)...1 << 38))
            let owner = geometry.owner(level: 2, x: x, y: y)
            let holders = (-1...1).flatMap { dy in
                (-1...1).map { Core(level: 2, column: owner.column + $0, row: owner.row + dy) }
            }.filter { geometry.coreRect($0).contains(x: x, y: y) }
            #expect(holders == [owner])
        }
    }

    @Test func theCoresOfARegionTileItsPixels() throws {
        var generator = Generator(2)
        for _ in 0..<20 {
            let canvas = plane(geometry: try generator.geometry())
            let rect = PixelRect(
                x: generator.int(-900...900), y: generator.int(-900...900), width: generator.int(1...400),
                height: generator.int(1...400))
            let set = try Region.rect(rect).cores(on: canvas, level: 0)
            var owned = 0
            for place in set.places {
                let part = canvas.geometry.coreRect(Core(level: 0, column: place.column, row: place.row))
                    .intersection(rect)
                #expect(!part.isEmpty)
                owned += Int(part.width * part.height)
            }
            #expect(owned == Int(rect.width * rect.height))
            for _ in 0..<100 {
                let owner = canvas.geometry.owner(
                    level: 0, x: generator.int(rect.x...rect.x + rect.width - 1),
                    y: generator.int(rect.y...rect.y + rect.height - 1))
                #expect(set.contains(column: owner.column, row: owner.row))
            }
        }
    }

    @Test func aWindowIsItsCoreAndMargins() throws {
        var generator = Generator(3)
        for _ in 0..<200 {
            let geometry = try generator.geometry()
            let core = generator.core(on: plane(), level: 3)
            let (window, inner) = (geometry.windowRect(core), geometry.coreRect(core))
            #expect(window.width == geometry.window && window.height == geometry.window)
            #expect(inner.x - window.x == geometry.margin && inner.y - window.y == geometry.margin)
            #expect(window.x + window.width - inner.x - inner.width == geometry.margin)
        }
    }

    @Test func aConditionLiesExactlyUnderItsWindow() throws {
        var generator = Generator(4)
        for _ in 0..<200 {
            let geometry = try generator.geometry()
            let core = generator.core(on: plane(), level: 3)
            let (window, condition) = (geometry.windowRect(core), geometry.conditionRect(core))
            #expect(4 * condition.x == window.x && 4 * condition.y == window.y)
            #expect(4 * condition.width == window.width && 4 * condition.height == window.height)
        }
    }
}
