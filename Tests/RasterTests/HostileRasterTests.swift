import Canvas
import Foundation
import Testing

@testable import Raster

/// Base maps from strangers: damaged anywhere, they open or are refused, and nothing crashes or hangs.
@Suite(.timeLimit(.minutes(2))) struct HostileRasterTests {
    private struct Chance: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var z = state
            z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
            z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
            return z ^ z >> 31
        }
    }

    @Test(arguments: [
        ("map.png", ["-of", "PNG"]), ("map.jpg", ["-of", "JPEG"]),
        ("map.tif", ["-of", "GTiff", "-a_srs", "EPSG:4326", "-a_ullr", "6", "47", "8", "45"]),
        ("tiled.tif", ["-of", "GTiff", "-co", "TILED=YES", "-co", "COMPRESS=DEFLATE"]),
    ])
    func aDamagedMapIsReadOrRefused(name: String, options: [String]) throws {
        let scratch = try Scratch()
        let source = try scratch.pixmap("s.ppm", width: 61, height: 47) { x, y, c in noise(x, y, c) }
        try run("gdal_translate", ["-q"] + options + [source, scratch.path(name)])
        let whole = try Data(contentsOf: URL(fileURLWithPath: scratch.path(name)))
        let target = scratch.path("mutant-" + name)
        var chance = Chance(state: 5)
        var refused = 0
        for _ in 0..<250 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...4, using: &chance) where !bytes.isEmpty {
                // Headers lie at the start; a TIFF's directory may lie at the end.
                let reach = Int.random(in: 0..<3, using: &chance)
                let span = min(bytes.count, 512)
                let place =
                    reach == 0
                    ? Int.random(in: 0..<bytes.count, using: &chance)
                    : Int.random(in: 0..<span, using: &chance) + (reach == 1 ? 0 : bytes.count - span)
                switch Int.random(in: 0..<4, using: &chance) {
                case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &chance)
                case 1: bytes[place] = [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &chance) ?? 0
                case 2: bytes.insert(contentsOf: [0xFF, 0xFF, 0xFF, 0xFF], at: place)
                default: bytes = bytes.prefix(max(1, place))
                }
            }
            try bytes.write(to: URL(fileURLWithPath: target))
            do {
                let map = try BaseMap(path: target)
                _ = try map.digest()
                let world = Int64(1) << Int64(map.canvas.baseZoom)
                let x = map.isGeoreferenced ? world * 187 / 360 : 0
                let y = map.isGeoreferenced ? world * 46 / 128 : 0
                _ = try map.tile(Tile(zoom: map.canvas.baseZoom, x: x, y: y))
            } catch {
                #expect("\(error)".contains(target), "\(error)")
                refused += 1
            }
        }
        #expect(refused > 0)
    }
}
