import Canvas
import Foundation
import Pyramid
import Raster
import Testing

/// A folder that is removed with the object.
final class Scratch {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("tessera-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    func folder(_ name: String) -> URL { url.appendingPathComponent(name, isDirectory: true) }
}

/// Run a program from the PATH and return its output.
@discardableResult
func run(_ program: String, _ arguments: [String], input: String = "") throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [program] + arguments
    let output = Pipe()
    let source = Pipe()
    process.standardOutput = output
    process.standardError = output
    process.standardInput = source
    try process.run()
    source.fileHandleForWriting.write(Data(input.utf8))
    try source.fileHandleForWriting.close()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    let text = String(decoding: data, as: UTF8.self)
    try #require(process.terminationStatus == 0, "\(program) \(arguments): \(text)")
    return text
}

/// A mixing function, for pictures without structure that could hide an error.
func noise(_ x: Int64, _ y: Int64, _ c: Int) -> UInt8 {
    var z = UInt64(bitPattern: x &* 73_856_093 ^ y &* 19_349_663 ^ Int64(c) &* 83_492_791) &+ 0x9e37_79b9_7f4a_7c15
    z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
    return UInt8(truncatingIfNeeded: z ^ z >> 31)
}

/// The pixels of a core, a function of their coordinates; transparent where `hole` says.
func rendered(_ core: Core, on canvas: Canvas, hole: (Int64, Int64) -> Bool = { _, _ in false }) -> RenderedCore {
    let rect = canvas.geometry.coreRect(core)
    var rgb: [UInt8] = []
    var alpha: [UInt8] = []
    for y in rect.rows {
        for x in rect.columns {
            for c in 0..<3 { rgb.append(noise(x, y, c + 3 * core.level)) }
            alpha.append(hole(x, y) ? 0 : 255)
        }
    }
    return RenderedCore(core: core, rgb: rgb, alpha: alpha.contains(0) ? alpha : nil)
}

/// A base tile whose pixels are a function of their coordinates.
func base(_ tile: Tile, hole: (Int64, Int64) -> Bool = { _, _ in false }) -> RGBATile {
    var pixels: [UInt8] = []
    for y in tile.y * 256..<(tile.y + 1) * 256 {
        for x in tile.x * 256..<(tile.x + 1) * 256 {
            for c in 0..<3 { pixels.append(noise(x, y, c)) }
            pixels.append(hole(x, y) ? 0 : 255)
        }
    }
    return RGBATile(pixels: pixels)
}

let world = Canvas(surface: .webMercator, baseZoom: 5)

func job(_ canvas: Canvas = world, levels: Int = 1, seed: Int64 = 7) -> MosaicDescription {
    MosaicDescription(canvas: canvas, levels: levels, identity: MosaicIdentity(["seed": .integer(seed)]))
}

func cores(_ set: CoreSet, level: Int) -> [Core] {
    var list: [Core] = []
    set.forEach { list.append(Core(level: level, column: $0, row: $1)) }
    return list
}

func files(_ directory: URL, _ suffix: String) throws -> [URL] {
    let names = try FileManager.default.subpathsOfDirectory(atPath: directory.path)
    return names.filter { $0.hasSuffix(suffix) }.sorted().map { directory.appendingPathComponent($0) }
}
