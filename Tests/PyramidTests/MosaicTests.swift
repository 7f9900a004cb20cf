import Canvas
import Foundation
import GRDB
import Raster
import Testing

@testable import Pyramid

@Suite struct MosaicTests {
    private let square = CoreSet(columns: 100..<104, rows: 80..<83)

    @Test func storedPixelsComeBackAndDoneSurvivesReopening() throws {
        let scratch = try Scratch()
        let hole = { (x: Int64, y: Int64) in (x / 50 + y / 70) % 5 == 0 }
        do {
            let mosaic = try Mosaic(directory: scratch.folder("m"), job: job())
            try mosaic.store(cores(square, level: 1).map { rendered($0, on: world, hole: hole) })
            #expect(mosaic.doneCores(level: 1) == square)
        }
        let mosaic = try Mosaic(directory: scratch.folder("m"), job: job())
        #expect(mosaic.damaged.isEmpty)
        #expect(mosaic.doneCores(level: 1) == square)
        #expect(mosaic.doneCores(level: 0).isEmpty)
        #expect(mosaic.isDone(Core(level: 1, column: 101, row: 82)))
        #expect(!mosaic.isDone(Core(level: 1, column: 101, row: 83)))
        let rect = PixelRect(x: 100 * 128, y: 80 * 128, width: 4 * 128, height: 3 * 128 + 5)
        let picture = try mosaic.picture(of: rect, level: 1)
        #expect(picture.channels == 4)
        for y in rect.rows {
            for x in rect.columns {
                let at = 4 * Int((y - rect.y) * rect.width + x - rect.x)
                let there = y < 83 * 128 && !hole(x, y)
                let expected = there ? (0..<3).map { noise(x, y, $0 + 3) } + [255] : [0, 0, 0, 0]
                if Array(picture.pixels[at..<at + 4]) != expected {
                    Issue.record("pixel \(x),\(y)")
                    return
                }
            }
        }
    }

    @Test func bytesDoNotDependOnTheOrderOfArrival() throws {
        let scratch = try Scratch()
        let list = cores(square, level: 1)
        for (name, order) in [("a", list), ("b", list.reversed())] {
            let mosaic = try Mosaic(directory: scratch.folder(name), job: job())
            if name == "a" {
                try mosaic.store(order.map { rendered($0, on: world) })
            } else {
                for core in order { try mosaic.store([rendered(core, on: world)]) }
            }
        }
        let a = try Mosaic(reading: scratch.folder("a"))
        let b = try Mosaic(reading: scratch.folder("b"))
        for y in Int64(40)..<42 {
            for x in Int64(50)..<52 {
                let first = try #require(try a.tile(zoom: 7, x: x, y: y))
                #expect(try b.tile(zoom: 7, x: x, y: y) == first)
                #expect(try PNG.decode([UInt8](first.png)).channels == (y == 40 ? 3 : 4))
            }
        }
    }

    @Test func sameCoreAgainIsIgnoredOrAnError() throws {
        let scratch = try Scratch()
        let mosaic = try Mosaic(directory: scratch.folder("m"), job: job())
        let core = Core(level: 1, column: 100, row: 80)
        try mosaic.store([rendered(core, on: world)])
        try mosaic.store([rendered(core, on: world)])
        var other = rendered(core, on: world)
        other.rgb[1000] ^= 1
        let neighbour = rendered(Core(level: 1, column: 101, row: 80), on: world)
        #expect { try mosaic.store([neighbour, other]) } throws: { error in
            guard case MosaicError.promiseBroken(core, _) = error else { return false }
            return "\(error)".contains("1/100/80")
        }
        #expect(mosaic.doneCores(level: 1).count == 1)
        #expect(!mosaic.isDone(neighbour.core))
    }

    @Test func coresOutsideTheCanvasAreRefused() throws {
        let scratch = try Scratch()
        let mosaic = try Mosaic(directory: scratch.folder("m"), job: job())
        for core in [
            Core(level: 0, column: 0, row: 0), Core(level: 2, column: 0, row: 0), Core(level: 1, column: 0, row: -1),
        ] {
            #expect(throws: MosaicError.self) { try mosaic.store([rendered(core, on: world)]) }
        }
        let short = RenderedCore(core: Core(level: 1, column: 0, row: 0), rgb: [1, 2, 3])
        #expect(throws: MosaicError.self) { try mosaic.store([short]) }
        try mosaic.store([rendered(Core(level: 1, column: 256, row: 3), on: world)])
        #expect(mosaic.isDone(Core(level: 1, column: 0, row: 3)), "columns wrap at the antimeridian")
    }

    @Test func anotherIdentityIsRefusedByName() throws {
        let scratch = try Scratch()
        _ = try Mosaic(directory: scratch.folder("m"), job: job(seed: 7))
        #expect { try Mosaic(directory: scratch.folder("m"), job: job(seed: 8)) } throws: { error in
            error as? MosaicError
                == .mismatch(directory: scratch.folder("m").path, key: "seed", stored: "7", given: "8")
        }
        #expect { try Mosaic(directory: scratch.folder("m"), job: job(levels: 2)) } throws: {
            "\($0)".contains("levels 1")
        }
        let finer = Canvas(surface: .webMercator, baseZoom: 6)
        #expect { try Mosaic(directory: scratch.folder("m"), job: job(finer)) } throws: {
            "\($0)".contains("base zoom 5")
        }
    }

    @Test func profilesAreListedOnceAndSurviveReopening() throws {
        let scratch = try Scratch()
        do {
            let mosaic = try Mosaic(directory: scratch.folder("m"), job: job(seed: 7))
            #expect(try mosaic.profiles() == [])
            for profile in ["b/2", "a/1", "b/2"] { try mosaic.record(profile: profile) }
        }
        let again = try Mosaic(directory: scratch.folder("m"), job: job(seed: 7))
        try again.record(profile: "a/1")
        try again.record(profile: "c/3")
        #expect(try again.profiles() == ["a/1", "b/2", "c/3"])
        #expect(try Mosaic(reading: scratch.folder("m")).profiles() == ["a/1", "b/2", "c/3"])
    }

    @Test func onlyOneWriterADirectory() throws {
        let scratch = try Scratch()
        let first = try Mosaic(directory: scratch.folder("m"), job: job())
        #expect { try Mosaic(directory: scratch.folder("m"), job: job()) } throws: { error in
            guard case MosaicError.locked(_, let owner) = error else { return false }
            return owner.contains("\(ProcessInfo.processInfo.processIdentifier)")
        }
        try first.store([rendered(Core(level: 1, column: 0, row: 0), on: world)])
        let reader = try Mosaic(reading: scratch.folder("m"))
        #expect(reader.doneCores(level: 1).count == 1)
        #expect(throws: MosaicError.self) { try reader.store([rendered(Core(level: 1, column: 1, row: 0), on: world)]) }
    }

    @Test func whatIsNoMosaicIsSaidSo() throws {
        let scratch = try Scratch()
        #expect { try Mosaic(reading: scratch.folder("none")) } throws: { "\($0)".contains("no mosaic.json") }
        for text in ["{", "{\"format\": 99}", "[]", "{\"format\": 1}"] {
            try Data(text.utf8).write(to: scratch.url.appendingPathComponent("mosaic.json"))
            #expect(throws: MosaicError.self) { try Mosaic(reading: scratch.url) }
            #expect(throws: MosaicError.self) { try Mosaic(directory: scratch.url, job: job()) }
        }
    }

    // MARK: - Crashes

    @Test func interruptedTransactionIsUndone() throws {
        let scratch = try Scratch()
        let stored = Core(level: 1, column: 100, row: 80)
        do {
            let mosaic = try Mosaic(directory: scratch.folder("m"), job: job())
            try mosaic.store([rendered(stored, on: world)])
        }
        let cell = try #require(files(scratch.url, ".mbtiles").first)
        // A copy of file and journal in the middle of a transaction is what a kill leaves behind.
        let queue = try DatabaseQueue(path: cell.path)
        try queue.inDatabase { db in
            try db.execute(sql: "PRAGMA cache_size = 1; PRAGMA cache_spill = ON; BEGIN IMMEDIATE")
            try db.execute(sql: "DELETE FROM images; DELETE FROM progress")
            for index in 0..<200 {
                try db.execute(sql: "INSERT INTO images VALUES (?, zeroblob(40000))", arguments: [index])
            }
            try #require(FileManager.default.fileExists(atPath: cell.path + "-journal"))
            let copy = scratch.folder("copy/levels/1")
            try FileManager.default.createDirectory(at: copy, withIntermediateDirectories: true)
            for suffix in ["", "-journal"] {
                try FileManager.default.copyItem(
                    atPath: cell.path + suffix,
                    toPath: copy.appendingPathComponent(cell.lastPathComponent).path + suffix)
            }
            try FileManager.default.copyItem(
                at: scratch.folder("m").appendingPathComponent("mosaic.json"),
                to: scratch.folder("copy").appendingPathComponent("mosaic.json"))
            try db.execute(sql: "ROLLBACK")
        }
        let reader = try Mosaic(reading: scratch.folder("copy"))
        #expect(reader.damaged.isEmpty && reader.isDone(stored))
        let mosaic = try Mosaic(directory: scratch.folder("copy"), job: job())
        #expect(mosaic.damaged.isEmpty)
        #expect(mosaic.doneCores(level: 1).count == 1)
        try mosaic.store([rendered(stored, on: world)])
    }

    /// One tile of a cell is damaged where SQLite cannot notice; the others of that cell are kept.
    @Test func aTileWithoutItsChecksumIsLostAloneWhereverItIsFound() throws {
        let scratch = try Scratch()
        let lost = Core(level: 1, column: 2, row: 2)
        let kept = (0..<5).map { Core(level: 1, column: 8 + 2 * $0, row: 2) }
        do {
            let mosaic = try Mosaic(directory: scratch.folder("m"), job: job())
            try mosaic.store((kept + [lost]).map { rendered($0, on: world) })
        }
        let file = try #require(try files(scratch.url, ".mbtiles").first)
        let tile = Canvas(surface: .webMercator, baseZoom: job().canvas.baseZoom, geometry: job().canvas.geometry)
            .tile(of: lost)
        let database = try DatabaseQueue(path: file.path)
        try database.write {
            try $0.execute(
                sql: """
                    UPDATE images SET tile_data = zeroblob(length(tile_data))
                    WHERE tile_id = (SELECT checksum FROM progress WHERE tile_column = ? AND tile_row = ?)
                    """,
                arguments: [tile.x, tile.tmsRow])
        }
        try database.close()

        // A reader is told; a checking one finds it; the writer mends it.
        let reader = try Mosaic(reading: scratch.folder("m"))
        #expect(throws: MosaicError.self) { try reader.pixels(level: 1, tile) }
        #expect(try reader.check().count == 1)
        let mosaic = try Mosaic(directory: scratch.folder("m"), job: job())
        #expect(mosaic.damaged.count == 1)
        #expect(cores(mosaic.doneCores(level: 1), level: 1) == kept)
        #expect(try mosaic.check().isEmpty)
        try mosaic.store([rendered(lost, on: world)])
        #expect(mosaic.doneCores(level: 1).count == 6)
    }

    @Test func damageFoundWhileWorkingIsMended() throws {
        let scratch = try Scratch()
        let lost = Core(level: 1, column: 2, row: 2)
        let kept = Core(level: 1, column: 8, row: 2)
        let mosaic = try Mosaic(directory: scratch.folder("m"), job: job(), cachedTiles: 1)
        try mosaic.store([lost, kept].map { rendered($0, on: world) })
        let file = try #require(try files(scratch.url, ".mbtiles").first)
        let database = try DatabaseQueue(path: file.path)
        try database.write {
            try $0.execute(
                sql: """
                    UPDATE images SET tile_data = X'00'
                    WHERE tile_id IN (SELECT checksum FROM progress WHERE tile_column = ?)
                    """,
                arguments: [mosaic.canvas.tile(of: lost).x])
        }
        try database.close()
        mosaic.cache.removeAll()
        var path = ""
        do {
            _ = try mosaic.pixels(level: 1, mosaic.canvas.tile(of: lost))
            Issue.record("damage was not noticed")
        } catch MosaicError.damaged(let file, _) {
            path = file
        }
        #expect(try mosaic.repair(path))
        #expect(cores(mosaic.doneCores(level: 1), level: 1) == [kept])
        #expect(try !mosaic.repair("/no/such/file"))
        try mosaic.store([rendered(lost, on: world)])
        #expect(try mosaic.check().isEmpty)
    }

    /// After an orderly end files are trusted by size and time; without it, or where they changed, they are read.
    @Test func filesAreTestedAfterACrashAndWhereTheyChanged() throws {
        let scratch = try Scratch()
        let note = scratch.url.appending(path: "m/closed.json")
        let mosaic = try Mosaic(directory: scratch.folder("m"), job: job())
        try mosaic.store([rendered(Core(level: 1, column: 2, row: 2), on: world)])
        mosaic.close()
        #expect(FileManager.default.fileExists(atPath: note.path))
        let notes = mosaic.store.takeNotes()
        #expect(notes.count == 1)
        #expect(!FileManager.default.fileExists(atPath: note.path), "the next end is not known yet")
    }

    @Test func damagedFilesAreSetAsideAndTheRestIsKept() throws {
        let scratch = try Scratch()
        let kept = Core(level: 1, column: 0, row: 0)
        let lost = [
            Core(level: 1, column: 130, row: 0), Core(level: 1, column: 130, row: 130),
            Core(level: 1, column: 0, row: 130),
        ]
        do {
            let mosaic = try Mosaic(directory: scratch.folder("m"), job: job())
            try mosaic.store(([kept] + lost).map { rendered($0, on: world) })
        }
        let cells = try files(scratch.url, ".mbtiles")
        try #require(cells.count == 4)
        let data = try Data(contentsOf: cells[1])
        try data.prefix(data.count / 2).write(to: cells[1])
        try Data("garbage, not a database at all".utf8).write(to: cells[2])
        try Data().write(to: cells[3])
        let mosaic = try Mosaic(directory: scratch.folder("m"), job: job())
        #expect(mosaic.damaged.count == 3)
        #expect(cores(mosaic.doneCores(level: 1), level: 1) == [kept])
        #expect(try files(scratch.url, ".damaged").count == 3)
        try mosaic.store(lost.map { rendered($0, on: world) })
        #expect(mosaic.doneCores(level: 1).count == 4)
    }

    @Test func strangeProgressNeverCrashes() throws {
        let scratch = try Scratch()
        let core = Core(level: 1, column: 100, row: 80)
        do { try Mosaic(directory: scratch.folder("m"), job: job()).store([rendered(core, on: world)]) }
        let cell = try #require(files(scratch.url, ".mbtiles").first)
        try DatabaseQueue(path: cell.path).write { db in
            for values in [
                "'x', 'y', 'z', 'a', 'b', 'c'", "1e300, -1e300, 0.5, 3.5, 1e300, ''", "7, 50, \(Int64.min), -1, 0, 0",
            ] {
                try db.execute(sql: "INSERT INTO progress VALUES (\(values))")
            }
            try db.execute(sql: "UPDATE progress SET done = 'three', checksum = 2.5 WHERE tile_column = 50")
        }
        let reader = try Mosaic(reading: scratch.folder("m"))
        #expect(!reader.isDone(core))
        #expect(throws: MosaicError.self) { try reader.tile(zoom: 7, x: 50, y: 40) }
        let mosaic = try Mosaic(directory: scratch.folder("m"), job: job())
        #expect(!mosaic.isDone(core) && mosaic.damaged.count == 1)
        #expect(try mosaic.tile(zoom: 7, x: 50, y: 40) == nil)
    }

    @Test func alteredTileIsNoticedWhenRead() throws {
        let scratch = try Scratch()
        let core = Core(level: 1, column: 100, row: 80)
        do { try Mosaic(directory: scratch.folder("m"), job: job()).store([rendered(core, on: world)]) }
        let cell = try #require(files(scratch.url, ".mbtiles").first)
        var data = try Data(contentsOf: cell)
        data[data.count - 3000] ^= 0x55
        try data.write(to: cell)
        let reader = try Mosaic(reading: scratch.folder("m"))
        #expect(throws: MosaicError.self) { try reader.tile(zoom: 7, x: 50, y: 40) }
        let mosaic = try Mosaic(directory: scratch.folder("m"), job: job())
        #expect(!mosaic.isDone(core) && mosaic.damaged.count == 1)
        try mosaic.store([rendered(core, on: world)])
        #expect(try mosaic.tile(zoom: 7, x: 50, y: 40) != nil)
    }

    @Test func fullDiskLosesNothingStored() throws {
        let scratch = try Scratch()
        let mosaic = try Mosaic(directory: scratch.folder("m"), job: job())
        let first = Core(level: 1, column: 100, row: 80)
        try mosaic.store([rendered(first, on: world)])
        let key = mosaic.store.key(level: 1, world.tile(of: first))
        try mosaic.store.file(key)?.limit(pages: 12)
        let more = cores(square, level: 1).filter { $0 != first }.map { rendered($0, on: world) }
        #expect { try mosaic.store(more) } throws: { error in
            guard case MosaicError.diskFull = error else { return false }
            return true
        }
        #expect(mosaic.doneCores(level: 1).count == 1)
        try mosaic.store.file(key)?.limit(pages: 100_000)
        try mosaic.store(more)
        #expect(mosaic.doneCores(level: 1) == square)
    }

    @Test func planeMayHaveNegativeCoordinates() throws {
        let scratch = try Scratch()
        let plane = Canvas(surface: .plane(metresPerPixel: 10), baseZoom: 2)
        let set = CoreSet(columns: -3..<2, rows: -2..<1)
        do {
            let mosaic = try Mosaic(directory: scratch.folder("m"), job: job(plane))
            try mosaic.store(cores(set, level: 1).map { rendered($0, on: plane) })
        }
        let mosaic = try Mosaic(directory: scratch.folder("m"), job: job(plane))
        #expect(mosaic.doneCores(level: 1) == set)
        let picture = try mosaic.picture(of: PixelRect(x: -200, y: -100, width: 3, height: 2), level: 1)
        #expect(picture.channels == 3)
        #expect(picture.pixels[0] == noise(-200, -100, 3))
    }

    @Test func otherGeometriesStoreTheirCores() throws {
        for core in [Int64(32), 256] {
            let scratch = try Scratch()
            let canvas = Canvas(
                surface: .webMercator, baseZoom: 5, geometry: try WindowGeometry(core: core, margin: 16))
            let set = CoreSet(columns: 9..<21, rows: 5..<14)
            do {
                let mosaic = try Mosaic(directory: scratch.folder("m"), job: job(canvas))
                try mosaic.store(cores(set, level: 1).map { rendered($0, on: canvas) })
            }
            #expect(try Mosaic(reading: scratch.folder("m")).doneCores(level: 1) == set)
        }
    }
}
