import Canvas
import Foundation
import GRDB
import Raster
import Testing

@testable import Pyramid

/// Exports that are interrupted, gone on with, and done while a mosaic grows.
@Suite struct ExportTests {
    private let canvas = Canvas(surface: .webMercator, baseZoom: 5)

    /// A mosaic of zoom 7: noise, a hole, and a square of one colour.
    private func mosaic(_ folder: URL, columns: Range<Int64> = 4..<16, rows: Range<Int64> = 8..<16) throws -> Mosaic {
        let mosaic = try Mosaic(directory: folder, job: job(canvas))
        let set = CoreSet(columns: columns, rows: rows)
        let builder = try OverviewBuilder(mosaic: mosaic, level: 1, planned: set)
        try mosaic.store(
            cores(set, level: 1).map { core in
                guard core.column < 10 else {
                    let area = 128 * 128
                    return RenderedCore(core: core, rgb: (0..<3 * area).map { [10, 60, 120][$0 % 3] })
                }
                return rendered(core, on: canvas) { x, y in (x / 100 + y / 100) % 5 == 0 }
            })
        try builder.update(after: cores(set, level: 1))
        return mosaic
    }

    private func stored(_ file: URL) throws -> [[String]: Data] {
        try DatabaseQueue(path: file.path).read { db in
            try Row.fetchAll(db, sql: "SELECT * FROM tiles").reduce(into: [:]) { tiles, row in
                tiles[(0..<3).map { "\(row[$0] as Int)" }] = row[3] as Data
            }
        }
    }

    @Test func interruptedMBTilesGoOn() throws {
        let scratch = try Scratch()
        let exporter = MBTilesExporter(try mosaic(scratch.folder("m")))
        let whole = scratch.url.appendingPathComponent("whole.mbtiles")
        let total = try exporter.export(to: whole).written
        let file = scratch.url.appendingPathComponent("out.mbtiles")
        #expect(throws: CancellationError.self) { try exporter.export(to: file) { done, _ in done < 20 } }
        #expect(!FileManager.default.fileExists(atPath: file.path))
        let report = try exporter.export(to: file)
        #expect(report.kept == 20 && report.written == total - 20)
        let tiles = try stored(file)
        #expect(tiles.count == total)
        #expect(try stored(whole) == tiles.reduce(into: [:]) { $0[$1.key] = $1.value })
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: scratch.url.path).sorted() == [
                "m", "out.mbtiles", "whole.mbtiles",
            ])
    }

    @Test func halfWrittenMBTilesIsBegunAnew() throws {
        let scratch = try Scratch()
        let exporter = MBTilesExporter(try mosaic(scratch.folder("m")))
        let file = scratch.url.appendingPathComponent("out.mbtiles")
        try Data(repeating: 7, count: 5000).write(to: URL(fileURLWithPath: file.path + ".tmp"))
        let report = try exporter.export(to: file)
        #expect(report.kept == 0)
        #expect(try stored(file).count == report.written)
    }

    @Test(arguments: [0, 1, 17, 36])
    func interruptedPMTilesGoOnToTheSameBytes(stop: Int) throws {
        let scratch = try Scratch()
        let exporter = PMTilesExporter(try mosaic(scratch.folder("m")))
        let whole = scratch.url.appendingPathComponent("whole.pmtiles")
        let total = try exporter.export(to: whole).written
        let file = scratch.url.appendingPathComponent("out.pmtiles")
        #expect(throws: CancellationError.self) { try exporter.export(to: file) { done, _ in done < stop } }
        let report = try exporter.export(to: file)
        #expect(report.kept + report.written == total && report.kept == stop)
        #expect(try Data(contentsOf: file).dropFirst(0) == archive(whole, named: "out", like: file))
        #expect(try files(scratch.url, ".tmp").isEmpty && files(scratch.url, ".log").isEmpty)
    }

    /// Names enter the metadata, so compare an archive of the same name.
    private func archive(_ whole: URL, named name: String, like file: URL) throws -> Data {
        let folder = whole.deletingLastPathComponent().appendingPathComponent("again")
        let mosaic = try Mosaic(reading: whole.deletingLastPathComponent().appendingPathComponent("m"))
        let again = folder.appendingPathComponent(name + ".pmtiles")
        try PMTilesExporter(mosaic).export(to: again)
        return try Data(contentsOf: again)
    }

    @Test func pmtilesLogThatRunsAheadOfItsDataIsNotTrusted() throws {
        let scratch = try Scratch()
        let exporter = PMTilesExporter(try mosaic(scratch.folder("m")))
        let file = scratch.url.appendingPathComponent("out.pmtiles")
        #expect(throws: CancellationError.self) { try exporter.export(to: file) { done, _ in done < 30 } }
        let data = URL(fileURLWithPath: file.path + ".tmp")
        let whole = try Data(contentsOf: data)
        try whole.prefix(whole.count - 10_000).write(to: data)
        let report = try exporter.export(to: file)
        #expect(report.kept < 30 && report.kept > 5)
        #expect(try Data(contentsOf: file) == archive(file, named: "out", like: file))
    }

    @Test func exportOfAGrownMosaicHoldsTheNewTiles() throws {
        let scratch = try Scratch()
        _ = try mosaic(scratch.folder("m"), columns: 4..<8)
        let part = PMTilesExporter(try Mosaic(reading: scratch.folder("m")))
        let file = scratch.url.appendingPathComponent("out.pmtiles")
        #expect(throws: CancellationError.self) { try part.export(to: file) { done, _ in done < 12 } }
        _ = try mosaic(scratch.folder("m"))
        let report = try PMTilesExporter(try Mosaic(reading: scratch.folder("m"))).export(to: file)
        #expect(report.written > 20)
        #expect(try Data(contentsOf: file) == archive(file, named: "out", like: file))
    }

    @Test func pmtilesWithLeavesHoldEveryTile() throws {
        let scratch = try Scratch()
        let mosaic = try mosaic(scratch.folder("m"))
        let file = scratch.url.appendingPathComponent("out.pmtiles")
        let report = try PMTilesExporter(mosaic, rootLimit: 220, leafSize: 5).export(to: file)
        let reader = try PMTilesReader(file)
        #expect(reader.leaves > 3)
        let mbtiles = scratch.url.appendingPathComponent("m.mbtiles")
        try MBTilesExporter(mosaic).export(to: mbtiles)
        let tiles = try stored(mbtiles)
        #expect(tiles.count == report.written && reader.tiles.count == tiles.count)
        for (key, data) in tiles {
            let numbers = key.compactMap { Int64($0) }
            let tile = Tile(zoom: Int(numbers[0]), x: numbers[1], tmsRow: numbers[2])
            #expect(reader.tiles[PMTiles.identifier(tile)] == data)
        }
        #expect(reader.entries < tiles.count, "equal neighbours are one run")
    }

    @Test func finishedCellsOfAnInterruptedCOGExportAreKept() throws {
        let scratch = try Scratch()
        let mosaic = try mosaic(scratch.folder("m"), columns: 120..<136, rows: 8..<12)
        let exporter = COGExporter(mosaic)
        #expect(throws: CancellationError.self) {
            try exporter.export(to: scratch.folder("cog")) { done, _ in done <= 10 }
        }
        let first = try files(scratch.folder("cog"), ".tif")
        #expect(first.map(\.lastPathComponent) == ["cell_7_0_0.tif"])
        let report = try exporter.export(to: scratch.folder("cog"))
        #expect(report.kept > 0 && report.written > 0)
        #expect(try files(scratch.folder("cog"), ".tif").count == 2)
        #expect(try exporter.export(to: scratch.folder("cog")).written == 0)
        let names = try FileManager.default.contentsOfDirectory(atPath: scratch.folder("cog").path).sorted()
        #expect(names == ["cell_7_0_0.tif", "cell_7_1_0.tif", "mosaic.vrt", "stac.json"])
    }

    @Test func equalTilesOfACellAreStoredOnceAndGoWithTheLastThatNeedsThem() throws {
        let scratch = try Scratch()
        let mosaic = try mosaic(scratch.folder("m"))
        mosaic.store.closeAll()
        let cell = try #require(
            files(scratch.folder("m/levels/1"), ".mbtiles").first { $0.lastPathComponent.hasPrefix("cell") })
        let counts = try DatabaseQueue(path: cell.path).read { db in
            try ["images", "tiles", "(SELECT DISTINCT checksum FROM progress WHERE checksum <> 0)"].map {
                try Int.fetchOne(db, sql: "SELECT count(*) FROM \($0)") ?? -1
            }
        }
        #expect(counts[0] == counts[2] && counts[0] < counts[1])
    }

    @Test func tilesOutsideOfTheGridAreRefused() throws {
        let scratch = try Scratch()
        let plane = Canvas(surface: .plane(metresPerPixel: 10), baseZoom: 0)
        let mosaic = try Mosaic(directory: scratch.folder("m"), job: job(plane))
        let core = Core(level: 1, column: 20, row: 3)
        try mosaic.store([rendered(core, on: plane)])
        #expect(throws: MosaicError.self) {
            try PMTilesExporter(mosaic).export(to: scratch.url.appendingPathComponent("o.pmtiles"))
        }
        #expect(throws: MosaicError.self) {
            try MBTilesExporter(mosaic).export(to: scratch.url.appendingPathComponent("o.mbtiles"))
        }
        #expect(try TIFFExporter(mosaic).export(to: scratch.url.appendingPathComponent("o.tif")).written == 1)
    }
}

/// A reading of PMTiles 3 of its own, by GDAL-free means: gunzip, varints, directories.
private struct PMTilesReader {
    private(set) var tiles: [UInt64: Data] = [:]
    private(set) var leaves = 0
    private(set) var entries = 0
    private let data: Data

    init(_ file: URL) throws {
        data = try Data(contentsOf: file)
        try walk(number(8), number(16), depth: 0)
    }

    private func number(_ at: Int) -> Int {
        (0..<8).reduce(0) { $0 | Int(data[at + $1]) << (8 * $1) }
    }

    private mutating func walk(_ offset: Int, _ length: Int, depth: Int) throws {
        let packed = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).gz")
        try data[offset..<offset + length].write(to: packed)
        defer { try? FileManager.default.removeItem(at: packed) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/gzip")
        process.arguments = ["-dc", packed.path]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        var bytes = pipe.fileHandleForReading.readDataToEndOfFile()[...]
        process.waitUntilExit()
        func varint() -> Int {
            var value = 0
            var shift = 0
            while let byte = bytes.popFirst() {
                value |= Int(byte & 0x7f) << shift
                shift += 7
                if byte < 0x80 { break }
            }
            return value
        }
        let count = varint()
        var last = 0
        let identifiers = (0..<count).map { _ -> Int in
            last += varint()
            return last
        }
        let runs = (0..<count).map { _ in varint() }
        let lengths = (0..<count).map { _ in varint() }
        var offsets: [Int] = []
        for index in 0..<count {
            let value = varint()
            offsets.append(value == 0 ? offsets[index - 1] + lengths[index - 1] : value - 1)
        }
        #expect(bytes.isEmpty)
        for index in 0..<count {
            if runs[index] == 0 {
                leaves += 1
                try walk(number(40) + offsets[index], lengths[index], depth: depth + 1)
                continue
            }
            entries += 1
            let start = number(56) + offsets[index]
            for step in 0..<runs[index] {
                tiles[UInt64(identifiers[index] + step)] = Data(data[start..<start + lengths[index]])
            }
        }
    }
}
