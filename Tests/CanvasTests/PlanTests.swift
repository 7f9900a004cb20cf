import Canvas
import Testing

@Suite struct Plans {
    /// Return a rectangle of level 0 on a canvas, small enough to list its windows.
    private func rect(on canvas: Canvas, _ generator: inout Generator) -> PixelRect {
        let size = canvas.worldWidth(level: 0)
        let range = size.map { 0...$0 - 1 } ?? -3000...3000
        let rect = PixelRect(
            x: generator.int(range), y: generator.int(range), width: generator.int(1...150),
            height: generator.int(1...150))
        guard let size else { return rect }
        return rect.intersection(PixelRect(x: rect.x, y: 0, width: rect.width, height: size))
    }

    @Test func theHaloIsAtMostOneCoreOnEverySideAndLevel() throws {
        var generator = Generator(20)
        for _ in 0..<40 {
            let canvas = plane(geometry: try generator.geometry())
            let region = Region.rect(rect(on: canvas, &generator))
            let levels = Int(generator.int(1...3))
            let plan = try Plan(region: region, levels: levels, canvas: canvas)
            #expect(plan.levels == levels)
            for level in 0...levels {
                let own = try region.cores(on: canvas, level: level)
                let planned = plan.sets[level]
                #expect(planned.intersection(own) == own)
                let slack: Int64 = level == levels ? 0 : 1
                #expect(planned.columns.lowerBound >= own.columns.lowerBound - slack)
                #expect(planned.columns.upperBound <= own.columns.upperBound + slack)
                #expect(planned.rows.lowerBound >= own.rows.lowerBound - slack)
                #expect(planned.rows.upperBound <= own.rows.upperBound + slack)
            }
        }
    }

    @Test func dependenciesAreClosedAndComeDownToTheBase() throws {
        var generator = Generator(21)
        for _ in 0..<15 {
            let canvas = try generator.canvas()
            let plan = try Plan(region: .rect(rect(on: canvas, &generator)), levels: 2, canvas: canvas)
            var windows = 0
            for level in 1...2 {
                for place in plan.sets[level].places {
                    let core = Core(level: level, column: place.column, row: place.row)
                    windows += 1
                    #expect(plan.contains(core))
                    let parents = canvas.parents(of: core)
                    #expect(parents.allSatisfy(plan.contains))
                    #expect(plan.dependencies(of: core) == (level == 1 ? [] : parents))
                }
            }
            #expect(plan.windowCount == windows)
            // And nothing above that no window below needs.
            for level in 0...1 {
                for place in plan.sets[level].places {
                    let core = Core(level: level, column: place.column, row: place.row)
                    #expect(canvas.children(of: core).contains(where: plan.contains))
                }
            }
        }
    }

    @Test func aPartIsPlannedWithinTheWhole() throws {
        var generator = Generator(22)
        for _ in 0..<40 {
            let canvas = try generator.canvas()
            let whole = rect(on: canvas, &generator)
            let x = generator.int(0...whole.width - 1)
            let y = generator.int(0...whole.height - 1)
            let part = PixelRect(
                x: whole.x + x, y: whole.y + y, width: generator.int(1...whole.width - x),
                height: generator.int(1...whole.height - y))
            let outer = try Plan(region: .rect(whole), levels: 3, canvas: canvas)
            let inner = try Plan(region: .rect(part), levels: 3, canvas: canvas)
            for (inner, outer) in zip(inner.sets, outer.sets) { #expect(inner.intersection(outer) == inner) }
        }
    }

    @Test func coresWithoutDataAreLeftOutAtEveryLevel() throws {
        let canvas = plane()
        let region = Region.rect(PixelRect(x: 0, y: 0, width: 256, height: 128))
        let plan = try Plan(region: region, levels: 2, canvas: canvas) { level, candidates in
            let side = Int64(1) << Int64(2 * level)
            return candidates.intersection(CoreSet(columns: 0..<side, rows: 0..<side))
        }
        #expect(plan.sets == [1, 4, 16].map { CoreSet(columns: 0..<$0, rows: 0..<$0) })
        let edge = Core(level: 2, column: 0, row: 15)
        #expect(plan.dependencies(of: edge) == [Core(level: 1, column: 0, row: 3)])
        #expect(throws: CanvasError.self) {
            try Plan(region: region, levels: 2, canvas: canvas) { _, _ in .empty }
        }
    }

    @Test func aPlanAcrossTheAntimeridianStaysThere() throws {
        let canvas = world(5)
        let plan = try Plan(
            region: .box(west: 179.9, south: -17, east: -179.9, north: -16.9), levels: 2, canvas: canvas)
        for (level, set) in plan.sets.enumerated() {
            let count = try #require(canvas.worldCores(level: level))
            #expect(set.columns == 0..<count)
            #expect(set.spans.allSatisfy { $0.count == 2 })
            #expect(set.count < 400)
        }
    }

    @Test func impossiblePlansAreRefused() throws {
        let region = Region.box(west: 7, south: 46, east: 7.1, north: 46.1)
        for (levels, zoom) in [(0, 5), (-1, 5), (16, 0), (13, 5), (.max, 5), (1, -1), (1, 31), (1, .max), (1, .min)] {
            #expect(throws: CanvasError.self) { try Plan(region: region, levels: levels, canvas: world(zoom)) }
        }
        let all = Region.box(west: -180, south: -90, east: 180, north: 90)
        let error = #expect(throws: CanvasError.self) { try Plan(region: all, levels: 12, canvas: world(5)) }
        #expect(error?.description.contains("smaller region") == true)
    }
}
