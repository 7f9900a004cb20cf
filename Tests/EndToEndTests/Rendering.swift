import Canvas
import Foundation
import Testing

@testable import Pyramid

/// A region of the Alps that is quick to render with the small model, and its two halves.
enum Alps {
    /// Longitude and latitude of tile corners of zoom 9: columns 266 ..< 269, rows 181 ..< 183.
    static let whole = box(266..<269)
    static let west = box(266..<268)
    static let east = box(268..<269)

    static func box(_ columns: Range<Int>) -> String {
        let inset = 0.01
        let west = Double(columns.lowerBound) / 512 * 360 - 180 + inset
        let east = Double(columns.upperBound) / 512 * 360 - 180 - inset
        let north = WebMercator.latitude(y: 181 * 256, zoom: 9) - inset
        let south = WebMercator.latitude(y: 183 * 256, zoom: 9) + inset
        return "--bbox=\(west),\(south),\(east),\(north)"
    }
}

/// The arguments of a quick rendering over the built-in map.
func render(
    _ box: String, to out: String, seed: Int = 7, levels: Int = 2, workers: Int = 1, batch: Int = 1, steps: Int = 3,
    model: String? = nil, more: [String] = []
) throws -> [String] {
    let model = try model ?? Reference.path("small/model.safetensors")
    return [
        "render", box, "--levels", "\(levels)", "--seed", "\(seed)", "--out", out, "--workers", "\(workers)", "--batch",
        "\(batch)", "--threads", "1", "--sampler", "ddim", "--steps", "\(steps)", "--model", model,
    ] + more
}

/// Everything stored in a mosaic, tile by tile, as the bytes on disk.
func storedTiles(_ mosaic: String) throws -> [String: String] {
    var tiles: [String: String] = [:]
    let root = URL(filePath: mosaic).appending(path: "levels")
    for level in try FileManager.default.contentsOfDirectory(atPath: root.path).sorted() {
        let folder = root.appending(path: level)
        for file in try FileManager.default.contentsOfDirectory(atPath: folder.path) where file.hasSuffix(".mbtiles") {
            let rows = try Tessera.succeed(
                [
                    folder.appending(path: file).path,
                    "SELECT zoom_level, tile_column, tile_row, hex(tile_data) FROM tiles",
                ], command: "sqlite3")
            for row in rows.split(separator: "\n") {
                let fields = row.split(separator: "|")
                tiles["level \(level), \(fields[0])/\(fields[1])/\(fields[2])"] = String(fields[3])
            }
        }
    }
    return tiles
}

/// The names of tiles that two mosaics do not share byte for byte.
func differences(_ a: [String: String], _ b: [String: String]) -> [String] {
    Set(a.keys).union(b.keys).filter { a[$0] != b[$0] }.sorted()
}
