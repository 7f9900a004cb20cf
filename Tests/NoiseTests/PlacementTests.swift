import Canvas
import Noise
import Testing

/// Return `inner`'s values out of those of `outer`, one channel.
private func crop(_ values: [Float], of outer: PixelRect, to inner: PixelRect) -> [Float] {
    inner.rows.flatMap { y in
        inner.columns.map { x in values[Int((y - outer.y) * outer.width + x - outer.x)] }
    }
}

@Suite struct CanvasNoise {
    static let corners: [[Int64]] = [
        [0, 0], [-150, -77], [1 << 38, 1 << 38], [-(1 << 38) - 1, -(1 << 38)], [4_000_000_001, 3],
    ]

    @Test(arguments: corners)
    func anyTilingOfARegionGivesTheSameBits(corner: [Int64]) {
        let (x, y) = (corner[0], corner[1])
        let field = NoiseField(seed: 3, mode: .canvas, canvas: plane)
        let whole = PixelRect(x: x, y: y, width: 301, height: 37)
        let values = field.rect(whole)
        for (width, height) in [(Int64(1), Int64(37)), (16, 5), (63, 1), (64, 37), (65, 8), (200, 36)] {
            for top in stride(from: y, to: y + whole.height, by: Int(height)) {
                for left in stride(from: x, to: x + whole.width, by: Int(width)) {
                    let part = whole.intersection(PixelRect(x: left, y: top, width: width, height: height))
                    #expect(field.rect(part) == crop(values, of: whole, to: part))
                }
            }
        }
    }

    @Test func fewerChannelsAreTheFirstOfMore() {
        let field = NoiseField(seed: 3, mode: .canvas, canvas: world)
        let core = Core(level: 1, column: 3, row: 4)
        let one = field.window(core)
        #expect(Array(field.window(core, channels: 4).prefix(one.count)) == one)
    }

    @Test(arguments: 0...3)
    func xWrapsAtBothEndsOfTheWorld(level: Int) throws {
        let field = NoiseField(seed: 11, mode: .canvas, canvas: world)
        let width = try #require(world.worldWidth(level: level))
        let home = PixelRect(x: -40, y: 9, width: 100, height: 3)
        let values = field.rect(home, level: level)
        for turns in [Int64(-3), -1, 1, 2] {
            let away = PixelRect(x: home.x + turns * width, y: home.y, width: home.width, height: home.height)
            #expect(field.rect(away, level: level) == values)
        }
        // Asked for in two halves, east of the first meridian and west of the last.
        let east = PixelRect(x: 0, y: home.y, width: 60, height: home.height)
        let west = PixelRect(x: width - 40, y: home.y, width: 40, height: home.height)
        #expect(field.rect(east, level: level) == crop(values, of: home, to: east))
        let moved = PixelRect(x: -40, y: home.y, width: 40, height: home.height)
        #expect(field.rect(west, level: level) == crop(values, of: home, to: moved))
    }

    @Test func aPlaneDoesNotWrap() {
        let field = NoiseField(seed: 11, mode: .canvas, canvas: plane)
        let values = field.rect(PixelRect(x: 0, y: 0, width: 64, height: 1), level: 0)
        #expect(field.rect(PixelRect(x: 256, y: 0, width: 64, height: 1), level: 0) != values)
    }

    @Test func overlappingWindowsSeeTheSameNoise() {
        let field = NoiseField(seed: 5, mode: .canvas, canvas: world)
        let a = Core(level: 2, column: 10, row: 20)
        let b = Core(level: 2, column: 11, row: 21)
        let geometry = world.geometry
        let shared = geometry.windowRect(a).intersection(geometry.windowRect(b))
        #expect(
            crop(field.window(a), of: geometry.windowRect(a), to: shared)
                == crop(field.window(b), of: geometry.windowRect(b), to: shared))
        #expect(field.window(a) == field.rect(geometry.windowRect(a), level: 2))
    }
}

@Suite struct OtherModes {
    let cores = [
        Core(level: 1, column: 0, row: 0), Core(level: 1, column: 5, row: 9), Core(level: 1, column: 4, row: 9),
    ]

    @Test func sharedNoiseIsOneTensor() {
        let field = NoiseField(seed: 1, mode: .shared, canvas: world)
        let tensors = cores.map { field.window($0, channels: 3, stream: 4) }
        #expect(Set(tensors).count == 1)
        #expect(field.window(cores[0], channels: 3, stream: 5) != tensors[0])
    }

    @Test func periodicNoiseRepeatsWithTheCore() {
        let field = NoiseField(seed: 1, mode: .periodic, canvas: world)
        let values = field.window(cores[1])
        let side = Int(world.geometry.window)
        let period = Int(world.geometry.core)
        for y in 0..<side - period {
            for x in 0..<side - period {
                let here = values[y * side + x]
                #expect(here == values[y * side + x + period] && here == values[(y + period) * side + x])
            }
        }
        #expect(field.window(cores[2]) == values)
        #expect(Set(values).count > period * period * 99 / 100)
    }

    @Test func independentNoiseSharesNothingBetweenWindows() {
        let field = NoiseField(seed: 1, mode: .independent, canvas: world)
        let tensors = cores.map { field.window($0) }
        for (i, a) in tensors.enumerated() {
            for b in tensors[..<i] {
                let correlation = zip(a, b).reduce(0) { $0 + Double($1.0 * $1.1) } / Double(a.count)
                #expect(abs(correlation) < 5 / Double(a.count).squareRoot())
            }
        }
        // Also where the windows overlap on the ground.
        let left = PixelRect(x: 0, y: 0, width: 128, height: 256)
        let right = PixelRect(x: 128, y: 0, width: 128, height: 256)
        let window = PixelRect(x: 0, y: 0, width: 256, height: 256)
        #expect(crop(tensors[2], of: window, to: right) != crop(tensors[1], of: window, to: left))
    }

    @Test(arguments: NoiseMode.allCases)
    func aWindowIsTheSameFromBothSidesOfTheAntimeridian(mode: NoiseMode) throws {
        let field = NoiseField(seed: 1, mode: mode, canvas: world)
        let count = try #require(world.worldCores(level: 1))
        #expect(
            field.window(Core(level: 1, column: -1, row: 3))
                == field.window(Core(level: 1, column: count - 1, row: 3)))
    }

    @Test(arguments: NoiseMode.allCases)
    func seedLevelStreamAndChannelAllMatter(mode: NoiseMode) {
        let core = Core(level: 1, column: 3, row: 4)
        let field = NoiseField(seed: 1, mode: mode, canvas: plane)
        let base = field.window(core, channels: 2)
        let half = base.count / 2
        let others = [
            Array(base.suffix(half)),
            NoiseField(seed: 2, mode: mode, canvas: plane).window(core),
            NoiseField(seed: 1 << 32 | 1, mode: mode, canvas: plane).window(core),
            field.window(Core(level: 2, column: 3, row: 4)),
            field.window(core, stream: 1),
            field.window(core, stream: 256),
        ]
        #expect(Set(others + [Array(base.prefix(half))]).count == others.count + 1)
        #expect(field.window(core, channels: 2) == base)
    }
}
