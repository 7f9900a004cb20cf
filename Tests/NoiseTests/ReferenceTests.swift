import Canvas
import Noise
import Testing

private struct Reference: Decodable {
    struct Rect: Decodable {
        var seed: UInt64
        var level, channels: Int
        var stream: UInt16
        var zoom: Int?
        var x, y, width, height: Int64
        var bits: [UInt32]
    }

    struct Window: Decodable {
        var mode: NoiseMode
        var seed: UInt64
        var core, margin, column, row: Int64
        var level, channels: Int
        var stream: UInt16
        var zoom: Int?
        var bits: [UInt32]
    }

    var rects: [Rect]
    var windows: [Window]
}

private func surface(zoom: Int?) -> Canvas.Surface {
    zoom == nil ? .plane(metresPerPixel: 1) : .webMercator
}

@Test func rectanglesMatchTheReferenceBitForBit() throws {
    let cases = try reference("noise.json", as: Reference.self).rects
    #expect(!cases.isEmpty)
    for item in cases {
        let canvas = Canvas(surface: surface(zoom: item.zoom), baseZoom: item.zoom ?? 0)
        let field = NoiseField(seed: item.seed, mode: .canvas, canvas: canvas)
        let rect = PixelRect(x: item.x, y: item.y, width: item.width, height: item.height)
        let values = field.rect(rect, level: item.level, channels: item.channels, stream: item.stream)
        #expect(values.map(\.bitPattern) == item.bits, "seed \(item.seed) \(rect)")
    }
}

@Test func windowsMatchTheReferenceBitForBit() throws {
    let cases = try reference("noise.json", as: Reference.self).windows
    #expect(Set(cases.map(\.mode)) == Set(NoiseMode.allCases))
    for item in cases {
        let canvas = Canvas(
            surface: surface(zoom: item.zoom), baseZoom: item.zoom ?? 0,
            geometry: try WindowGeometry(core: item.core, margin: item.margin))
        let field = NoiseField(seed: item.seed, mode: item.mode, canvas: canvas)
        let core = Core(level: item.level, column: item.column, row: item.row)
        let values = field.window(core, channels: item.channels, stream: item.stream)
        #expect(values.map(\.bitPattern) == item.bits, "\(item.mode) \(core)")
    }
}
