import Canvas
import Testing

@Suite struct Families {
    @Test func parentsCoverTheConditionAndNoneIsIdle() throws {
        var generator = Generator(5)
        for _ in 0..<500 {
            let canvas = try generator.canvas()
            let geometry = canvas.geometry
            let core = generator.core(on: canvas, level: 2)
            let parents = canvas.parents(of: core)
            #expect((1...4).contains(parents.count) && Set(parents).count == parents.count)
            #expect(parents.allSatisfy { $0.level == 1 })
            let condition = geometry.conditionRect(core)
            var owners: Set<Core> = []
            for y in [condition.y, condition.y + condition.height / 2, condition.y + condition.height - 1] {
                for x in [condition.x, condition.x + condition.width / 2, condition.x + condition.width - 1] {
                    if let owner = canvas.normalized(geometry.owner(level: 1, x: x, y: y)) { owners.insert(owner) }
                }
            }
            #expect(owners == Set(parents))
        }
    }

    @Test func childrenAreTheInverseOfParents() throws {
        var generator = Generator(6)
        for _ in 0..<200 {
            let canvas = try generator.canvas()
            let core = generator.core(on: canvas, level: 1)
            let children = canvas.children(of: core)
            #expect(Set(children).count == children.count)
            for child in children { #expect(canvas.parents(of: child).contains(core), "\(core) \(child)") }
            for parent in canvas.parents(of: core) { #expect(canvas.children(of: parent).contains(core)) }
        }
    }

    /// No core just outside the listed children may name the core as its parent.
    @Test func noChildIsForgotten() throws {
        var generator = Generator(7)
        for _ in 0..<100 {
            let canvas = plane(geometry: try generator.geometry())
            let core = generator.core(on: canvas, level: 1)
            let children = Set(canvas.children(of: core))
            for row in 4 * core.row - 4...4 * core.row + 8 {
                for column in 4 * core.column - 4...4 * core.column + 8 {
                    let child = Core(level: 2, column: column, row: row)
                    #expect(children.contains(child) == canvas.parents(of: child).contains(core))
                }
            }
        }
    }

    @Test func theWorldWrapsAtTheAntimeridianAndEndsAtThePoles() throws {
        let canvas = world(2)
        let count = try #require(canvas.worldCores(level: 1))
        #expect(count == 32 && canvas.worldWidth(level: 1) == 4096)
        #expect(
            canvas.normalized(Core(level: 1, column: -1, row: 3)) == Core(level: 1, column: count - 1, row: 3))
        #expect(
            canvas.normalized(Core(level: 1, column: 5 * count + 2, row: 0)) == Core(level: 1, column: 2, row: 0))
        #expect(canvas.normalized(Core(level: 1, column: 0, row: -1)) == nil)
        #expect(canvas.normalized(Core(level: 1, column: 0, row: count)) == nil)
        #expect(plane().normalized(Core(level: 1, column: -7, row: -9)) == Core(level: 1, column: -7, row: -9))
        let corner = canvas.parents(of: Core(level: 1, column: 0, row: 0))
        #expect(corner == [Core(level: 0, column: 7, row: 0), Core(level: 0, column: 0, row: 0)])
        let last = canvas.parents(of: Core(level: 1, column: count - 1, row: count - 1))
        #expect(last == [Core(level: 0, column: 7, row: 7), Core(level: 0, column: 0, row: 7)])
    }

    @Test func parentsOfASetAreThoseOfItsCores() throws {
        var generator = Generator(8)
        for _ in 0..<60 {
            let canvas = Canvas(surface: .plane(metresPerPixel: 1), baseZoom: 0, geometry: try generator.geometry())
            let (set, listed) = generator.cores(span: 20)
            let expected = Set(
                listed.flatMap { canvas.parents(of: Core(level: 3, column: $0.column, row: $0.row)) }
                    .map { Place(column: $0.column, row: $0.row) })
            #expect(Set(canvas.parents(of: set, level: 3).places) == expected)
        }
    }
}

@Suite struct Tiles {
    @Test func coresAndTilesNestBothWays() throws {
        var generator = Generator(9)
        for _ in 0..<200 {
            let canvas = try generator.canvas()
            let core = generator.core(on: canvas, level: 2)
            let tile = canvas.tile(of: core)
            #expect(tile.zoom == canvas.baseZoom + 4)
            let cores = canvas.cores(of: tile, level: 2)
            #expect(cores.contains(core))
            #expect(cores.count == Int(canvas.geometry.coresPerTile * canvas.geometry.coresPerTile))
            #expect(cores.allSatisfy { canvas.tile(of: $0) == tile })
            let rect = canvas.geometry.coreRect(core)
            #expect(rect.x >= tile.x * 256 && rect.x + rect.width <= (tile.x + 1) * 256)
        }
    }

    @Test func childrenAndParentOfATile() {
        for tile in [Tile(zoom: 5, x: 3, y: 9), Tile(zoom: 5, x: -3, y: -1), Tile(zoom: 0, x: 0, y: 0)] {
            #expect(tile.children.allSatisfy { $0.parent == tile && $0.zoom == tile.zoom + 1 })
            #expect(Set(tile.children).count == 4)
        }
        #expect(
            Tile(zoom: 1, x: 0, y: 0).children.map(\.description) == ["2/0/0", "2/1/0", "2/0/1", "2/1/1"])
    }

    @Test func tmsCountsRowsFromTheSouth() {
        #expect(Tile(zoom: 0, x: 0, y: 0).tmsRow == 0)
        #expect(Tile(zoom: 3, x: 2, y: 0).tmsRow == 7)
        for zoom in 0...30 {
            let tile = Tile(zoom: zoom, x: 1, y: (Int64(1) << Int64(zoom)) / 3)
            #expect(Tile(zoom: zoom, x: 1, tmsRow: tile.tmsRow) == tile)
        }
    }

    @Test func aCellHoldsItsTilesAndTheirOverviews() {
        var generator = Generator(10)
        for _ in 0..<200 {
            let tile = Tile(zoom: 14, x: generator.int(-9999...9999), y: generator.int(-9999...9999))
            let cell = Cell(containing: tile)
            var overview = tile
            for _ in 0...Cell.depth {
                #expect(cell.contains(overview))
                #expect(!cell.contains(Tile(zoom: overview.zoom, x: overview.x + 64, y: overview.y)))
                overview = overview.parent
            }
            #expect(!cell.contains(overview))
            #expect(!cell.contains(tile.children[0]))
        }
        #expect(Cell(containing: Tile(zoom: 9, x: 64, y: -1)).description == "9_1_-1")
    }
}
