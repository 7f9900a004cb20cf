import Canvas
import Foundation
import GRDB
import Raster
import Testing

@testable import Pyramid

@Suite struct FormatTests {
    private let canvas = Canvas(surface: .webMercator, baseZoom: 11)

    /// A finished mosaic of 16 × 12 tiles of zoom 13 near Zermatt, cells (66, 45) and (67, 45).
    private func mosaic(_ scratch: Scratch, hole: @escaping (Int64, Int64) -> Bool = { _, _ in false }) throws
        -> CoreSet
    {
        let set = CoreSet(columns: 67 * 128 - 8..<67 * 128 + 24, rows: 45 * 128 + 30..<45 * 128 + 54)
        let mosaic = try Mosaic(directory: scratch.folder("m"), job: job(canvas))
        let builder = try OverviewBuilder(mosaic: mosaic, level: 1, planned: set)
        try mosaic.store(cores(set, level: 1).map { rendered($0, on: canvas, hole: hole) })
        try builder.update(after: cores(set, level: 1))
        return set
    }

    private func numbers(_ text: String, _ key: String) -> [Double] {
        guard let start = text.range(of: key) else { return [] }
        return text[start.upperBound...].prefix { $0 != "\n" }.split { !"+-.0123456789eE".contains($0) }.compactMap {
            Double($0)
        }
    }

    @Test func cellsOpenInGDALWhereTheyShouldLie() throws {
        let scratch = try Scratch()
        _ = try mosaic(scratch)
        let cells = try files(scratch.url, ".mbtiles").filter { $0.lastPathComponent.hasPrefix("cell_13") }
        try #require(cells.map(\.lastPathComponent) == ["cell_13_66_45.mbtiles", "cell_13_67_45.mbtiles"])
        for (index, cell) in cells.enumerated() {
            let info = try run("gdalinfo", [cell.path])
            #expect(info.contains("MBTiles"))
            let corner = WebMercator.metres(x: Int64(66 + index) * 64 * 256, y: 45 * 64 * 256, zoom: 13)
            let origin = numbers(info, "Origin = ")
            let size = numbers(info, "Pixel Size = ")
            let resolution = WebMercator.resolution(zoom: 13)
            try #require(origin.count == 2 && size.count == 2)
            #expect(abs(origin[0] - corner.x) < 1e-9 * WebMercator.limit)
            #expect(abs(origin[1] - corner.y) < 1e-9 * WebMercator.limit)
            #expect(abs(size[0] - resolution) < 1e-9 * resolution && abs(size[1] + resolution) < 1e-9 * resolution)
            #expect(info.contains("Size is 16384, 16384"))
            #expect(info.contains("EPSG\",3857"))
        }
        let west: Int64 = 67 * 16384
        let north: Int64 = 45 * 16384
        let places: [(Int64, Int64)] = [(west + 5, north + 4000), (west + 3000, north + 6900)]
        for (x, y) in places {
            let place = WebMercator.metres(x: x, y: y, zoom: 13)
            let half = WebMercator.resolution(zoom: 13) / 2
            let value = try run(
                "gdallocationinfo",
                ["-geoloc", "-valonly", cells[1].path, "\(place.x + half)", "\(place.y - half)"])
            let found: [UInt8] = value.split(separator: "\n").prefix(3).compactMap { UInt8($0) }
            let expected: [UInt8] = (0..<3).map { noise(x, y, $0 + 3) }
            #expect(found == expected)
        }
    }

    @Test func cellsAreMBTiles() throws {
        let scratch = try Scratch()
        _ = try mosaic(scratch)
        for cell in try files(scratch.url, ".mbtiles") {
            let queue = try DatabaseQueue(path: cell.path)
            try queue.read { db in
                #expect(try String.fetchOne(db, sql: "PRAGMA integrity_check") == "ok")
                #expect(try Int.fetchOne(db, sql: "PRAGMA application_id") == 0x4d50_4258)
                let metadata = try Dictionary(
                    uniqueKeysWithValues: Row.fetchAll(db, sql: "SELECT name, value FROM metadata").map {
                        ($0[0] as String, $0[1] as String)
                    })
                for key in ["name", "format", "bounds", "minzoom", "maxzoom", "type", "version", "description"] {
                    #expect(metadata[key] != nil, "\(key)")
                }
                let zooms = try Row.fetchOne(db, sql: "SELECT min(zoom_level), max(zoom_level) FROM tiles")
                #expect(metadata["minzoom"] == zooms.map { "\($0[0] as Int)" })
                #expect(metadata["maxzoom"] == zooms.map { "\($0[1] as Int)" })
            }
            #expect(!FileManager.default.fileExists(atPath: cell.path + "-journal"))
            #expect(!FileManager.default.fileExists(atPath: cell.path + "-wal"))
        }
    }

    @Test func readOnlyDirectoryIsRead() throws {
        let scratch = try Scratch()
        let set = try mosaic(scratch)
        let folders = try files(scratch.url, "").filter { $0.hasDirectoryPath } + [scratch.folder("m")]
        for item in try files(scratch.url, "") + folders {
            let mode = (try FileManager.default.attributesOfItem(atPath: item.path)[.posixPermissions] as? Int) ?? 0
            try FileManager.default.setAttributes([.posixPermissions: mode & 0o555], ofItemAtPath: item.path)
        }
        defer {
            for item in ((try? files(scratch.url, "")) ?? []) + folders {
                try? FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: item.path)
            }
        }
        #expect(try Mosaic(reading: scratch.folder("m")).doneCores(level: 1) == set)
    }

    @Test func exportHoldsEveryTileOnce() throws {
        let scratch = try Scratch()
        let set = try mosaic(scratch) { x, y in (x / 300 + y / 300) % 4 == 0 }
        let mosaic = try Mosaic(reading: scratch.folder("m"))
        var last = (0, 0)
        let report = try XYZExporter(mosaic).export(to: scratch.folder("xyz")) {
            last = ($0, $1); return true
        }
        var tiles = Set(cores(set, level: 1).map { canvas.tile(of: $0) })
        var expected = tiles
        while let one = tiles.first, one.zoom > 0 {
            tiles = Set(tiles.map(\.parent))
            expected.formUnion(tiles)
        }
        let written = try files(scratch.folder("xyz"), ".png")
        #expect(written.count == expected.count && report.written == expected.count)
        #expect(last == (expected.count, expected.count))
        for tile in expected {
            let data = try Data(contentsOf: scratch.folder("xyz").appendingPathComponent("\(tile).png"))
            #expect(try mosaic.tile(zoom: tile.zoom, x: tile.x, y: tile.y)?.png == data)
        }
        #expect(try files(scratch.folder("xyz"), ".tmp").isEmpty)
    }

    @Test func interruptedExportGoesOn() throws {
        let scratch = try Scratch()
        _ = try mosaic(scratch)
        let exporter = XYZExporter(try Mosaic(reading: scratch.folder("m")))
        #expect(throws: CancellationError.self) {
            try exporter.export(to: scratch.folder("xyz")) { done, _ in done < 50 }
        }
        let some = try files(scratch.folder("xyz"), ".png")
        #expect(some.count == 50)
        try Data("half".utf8).write(to: some[7])
        let report = try exporter.export(to: scratch.folder("xyz"))
        #expect(report.kept == 49 && report.written > 100)
        #expect(try exporter.export(to: scratch.folder("xyz")).written == 0)
    }

    @Test func exportOfAnUnfinishedMosaicShowsWhatIsThere() throws {
        let scratch = try Scratch()
        let set = CoreSet(columns: 4..<9, rows: 7..<11)
        let finished = try Mosaic(directory: scratch.folder("a"), job: job(canvas))
        let builder = try OverviewBuilder(mosaic: finished, level: 1, planned: set)
        try finished.store(cores(set, level: 1).map { rendered($0, on: canvas) })
        try builder.update(after: cores(set, level: 1))
        let bare = try Mosaic(directory: scratch.folder("b"), job: job(canvas))
        try bare.store(cores(set, level: 1).map { rendered($0, on: canvas) })
        let first = try XYZExporter(finished).export(to: scratch.folder("xa"))
        #expect(try XYZExporter(bare).export(to: scratch.folder("xb")) == first)
        for file in try files(scratch.folder("xa"), ".png") {
            let name = file.path.dropFirst(scratch.folder("xa").path.count)
            #expect(
                try Data(contentsOf: file) == Data(contentsOf: URL(fileURLWithPath: scratch.folder("xb").path + name)))
        }
    }
}
