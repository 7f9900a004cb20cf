import Canvas
import Foundation
import Pyramid
import Raster

// Build the pyramid of a flat picture: ours, and what others take for the same file in the same run.
//     bench-pyramid [--side 16384] [--json] [--memory] [--folder DIR]
//
// The ratios are those of the fast preset, whose files are to be no larger than the others'.

let arguments = Array(CommandLine.arguments.dropFirst())

@MainActor
func option(_ name: String) -> String? {
    guard let index = arguments.firstIndex(of: name), index + 1 < arguments.count else { return nil }
    return arguments[index + 1]
}

/// Read a picture and store it with all its overviews, 128 tiles at a time along the Hilbert curve.
func buildPyramid(of source: String, in directory: String, effort: PNG.Effort) throws {
    let base = try BaseMap(path: source)
    let canvas = base.canvas
    let side = Int64((max(base.width, base.height) + 255) / 256)
    let mosaic = try Mosaic(
        directory: URL(filePath: directory), job: MosaicDescription(canvas: canvas, levels: 0, identity: .init()),
        effort: effort, cachedTiles: 200)
    let perTile = canvas.geometry.coresPerTile
    let builder = try OverviewBuilder(
        mosaic: mosaic, level: 0, planned: CoreSet(columns: 0..<side * perTile, rows: 0..<side * perTile))
    let tiles = (0..<side).flatMap { y in (0..<side).map { Tile(zoom: canvas.baseZoom, x: $0, y: y) } }
        .map { (tile: $0, place: Hilbert.index(x: $0.x, y: $0.y, order: canvas.baseZoom)) }
        .sorted { $0.place < $1.place }.map(\.tile)
    for start in stride(from: 0, to: tiles.count, by: 128) {
        let part = Array(tiles[start..<min(start + 128, tiles.count)])
        try mosaic.storeBase(concurrentMap(part.count) { (part[$0], try base.tile(part[$0])) })
        try builder.update(after: part.flatMap { canvas.cores(of: $0, level: 0) })
    }
}

func contenders(_ source: String, _ folder: String) -> [Contender] {
    let own = CommandLine.arguments[0]
    let program = own.contains("/") ? own : "/proc/self/exe"
    return PNG.Effort.allCases.filter { $0 != .small }.map { effort in
        Contender(
            name: "tessera, \(effort.rawValue)", program: program,
            arguments: ["--build", source, folder + "/tessera", effort.rawValue], output: folder + "/tessera")
    } + [
        Contender(
            name: "vips dzsave", program: "vips",
            arguments: [
                "dzsave", source, folder + "/vips", "--layout", "google", "--suffix", ".png", "--tile-size", "256",
                "--overlap", "0",
            ], output: folder + "/vips"),
        Contender(
            name: "vips dzsave, level 1", program: "vips",
            arguments: [
                "dzsave", source, folder + "/vips1", "--layout", "google", "--suffix", ".png[compression=1]",
                "--tile-size", "256", "--overlap", "0",
            ], output: folder + "/vips1"),
        Contender(
            name: "gdal2tiles", program: "gdal2tiles.py",
            arguments: [
                "-q", "-p", "raster", "--xyz", "-w", "none", "-r", "average",
                "--processes=\(ProcessInfo.processInfo.activeProcessorCount)", source, folder + "/gdal2tiles",
            ], output: folder + "/gdal2tiles"),
        Contender(
            name: "COG, DEFLATE", program: "gdal_translate",
            arguments: [
                "-q", "-of", "COG", "-co", "COMPRESS=DEFLATE", "-co", "PREDICTOR=2", "-co", "BIGTIFF=YES", "-co",
                "NUM_THREADS=ALL_CPUS", source, folder + "/gdal.tif",
            ], output: folder + "/gdal.tif"),
    ]
}

struct Report: Encodable {
    var side: Int
    var measurements: [Measurement]
    var ratioVips: Double?
    var ratioVipsLevel1: Double?
    var ratioGdal2tiles: Double?
    /// Peak megabytes of our own by side of the picture.
    var memory: [String: Double]?

    enum CodingKeys: String, CodingKey {
        case side, measurements, memory
        case ratioVips = "ratio_vips"
        case ratioVipsLevel1 = "ratio_vips_level1"
        case ratioGdal2tiles = "ratio_gdal2tiles"
    }
}

func show(_ line: Measurement) {
    let name = line.name.padding(toLength: 22, withPad: " ", startingAt: 0)
    print(
        name
            + String(
                format: "%8.1f s %8.1f Mpx/s %10.1f MB %8.0f MB peak", line.seconds, line.megapixelsPerSecond,
                Double(line.bytes) / 1e6, line.peakMegabytes))
}

@MainActor
func bench() throws {
    let json = arguments.contains("--json")
    let side = option("--side").flatMap { Int($0) } ?? 16_384
    guard side >= 256, side % 256 == 0 else { throw BenchError("--side is a multiple of 256") }
    let folder = (option("--folder") ?? NSTemporaryDirectory()) + "/bench-pyramid-\(getpid())"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let source = folder + "/picture.tif"
    var report = Report(side: side, measurements: [])
    if arguments.contains("--memory") {
        report.memory = [:]
        for side in [4096, 8192, 16_384, 32_768, 65_536] where side <= report.side {
            try TestPicture(side: side).write(to: source)
            guard let line = try contenders(source, folder)[0].measure(megapixels: Double(side * side) / 1e6) else {
                continue
            }
            report.memory?["\(side)"] = line.peakMegabytes
            if !json { show(line) }
        }
    } else {
        if !json { print("a picture of \(side) × \(side), fractal noise with grain; every program from the same file") }
        try TestPicture(side: side).write(to: source)
        for contender in contenders(source, folder) {
            guard let line = try contender.measure(megapixels: Double(side * side) / 1e6) else {
                if !json { print("\(contender.name): not installed") }
                continue
            }
            report.measurements.append(line)
            if !json { show(line) }
        }
        func ratio(_ name: String) -> Double? {
            guard let own = report.measurements.first, let other = report.measurements.first(where: { $0.name == name })
            else { return nil }
            return own.megapixelsPerSecond / other.megapixelsPerSecond
        }
        report.ratioVips = ratio("vips dzsave")
        report.ratioVipsLevel1 = ratio("vips dzsave, level 1")
        report.ratioGdal2tiles = ratio("gdal2tiles")
    }
    if json {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        print(String(decoding: try encoder.encode(report), as: UTF8.self))
    }
}

do {
    if arguments.first == "--build", arguments.count == 4, let effort = PNG.Effort(rawValue: arguments[3]) {
        try buildPyramid(of: arguments[1], in: arguments[2], effort: effort)
    } else {
        try bench()
    }
} catch {
    FileHandle.standardError.write(Data("bench-pyramid: \(error)\n".utf8))
    exit(1)
}
