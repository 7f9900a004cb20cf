import Foundation
import Testing

/// What disks do: they fill up, turn read-only, lose the end of a file, and change a byte.
@Suite(.serialized) struct StorageFaultTests {
    /// A file system of its own in memory; gone with its owner.
    private final class Disk {
        let path: String
        private let scratch: Scratch

        init(_ scratch: Scratch, kibibytes: Int) throws {
            self.scratch = scratch
            path = scratch.path("disk")
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            try Daemon.succeed("mount", ["-t", "tmpfs", "-o", "size=\(kibibytes)k", "tmpfs", path], in: scratch)
        }

        func remount(_ options: String) throws {
            try Daemon.succeed("mount", ["-o", "remount,\(options)", path], in: scratch)
        }

        deinit { _ = try? Daemon.run("umount", ["-l", path], in: scratch) }
    }

    @Test(.enabled(if: Extent.isRoot, "mounting a small disk needs root"))
    func aFullDiskLosesNothing() throws {
        let scratch = try Scratch()
        let picture = Picture()
        let expected = try Undisturbed.tiles(picture, in: scratch)
        let disk = try Disk(scratch, kibibytes: 1100)
        let out = disk.path + "/mosaic"
        let (status, text) = try Daemon.run("tessera", picture.render(to: out), in: scratch)
        #expect(status == 1 && text.contains("no space left"), "\(text.suffix(2000))")
        try disk.remount("size=65536k")
        try Daemon.succeed("tessera", picture.render(to: out), in: scratch)
        #expect(differences(expected, try storedTiles(out, in: scratch)) == [])
    }

    @Test(.enabled(if: Extent.isRoot, "remounting a disk needs root"))
    func aReadOnlyDiskIsNamedAndCanStillBeRead() throws {
        let scratch = try Scratch()
        let picture = Picture()
        let expected = try Undisturbed.tiles(picture, in: scratch)
        let disk = try Disk(scratch, kibibytes: 65536)
        let out = disk.path + "/mosaic"
        var west = picture
        west.box = "--bbox=7.041,45.101,8.4,46.009"
        try Daemon.succeed("tessera", west.render(to: out), in: scratch)
        try disk.remount("ro")
        let (status, text) = try Daemon.run("tessera", picture.render(to: out), in: scratch)
        #expect(status == 1, "\(text)")
        try Daemon.succeed("tessera", ["verify", out, "--sample", "3"], in: scratch)
        try Daemon.succeed("tessera", ["export", "xyz", out, scratch.path("tiles")], in: scratch)
        try disk.remount("rw")
        try Daemon.succeed("tessera", picture.render(to: out), in: scratch)
        #expect(differences(expected, try storedTiles(out, in: scratch)) == [])
    }

    private func cells(_ mosaic: String, level: Int) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "\(mosaic)/levels/\(level)")
            .filter { $0.hasPrefix("cell_") && $0.hasSuffix(".mbtiles") }.sorted()
            .map { "\(mosaic)/levels/\(level)/\($0)" }
    }

    private func render(_ picture: Picture, to out: String, in scratch: Scratch) throws -> Int {
        let text = try Daemon.succeed("tessera", picture.render(to: out), in: scratch)
        struct Event: Decodable {
            var event: String
            var done: Int?
        }
        let events = text.split(separator: "\n").compactMap {
            try? JSONDecoder().decode(Event.self, from: Data($0.utf8))
        }
        #expect(events.last?.event == "finished", "\(text.suffix(1000))")
        return events.first { $0.done != nil }?.done ?? 0
    }

    @Test func aTruncatedFileIsNoticedAndItsWindowsAreRenderedAgain() throws {
        let scratch = try Scratch()
        let picture = Picture()
        let expected = try Undisturbed.tiles(picture, in: scratch)
        let out = scratch.path("mosaic")
        _ = try render(picture, to: out, in: scratch)
        for (level, part) in [(1, 0.5), (2, 0.8)] {
            let file = try #require(cells(out, level: level).first)
            let size = try #require(FileManager.default.attributesOfItem(atPath: file)[.size] as? Int)
            try #require(truncate(file, Int(Double(size) * part)) == 0)
            let (status, text) = try Daemon.run("tessera", ["verify", out, "--sample", "0"], in: scratch)
            #expect(status == 1 && text.contains(file), "\(text)")
            _ = try render(picture, to: out, in: scratch)
            #expect(FileManager.default.fileExists(atPath: file + ".damaged"))
            #expect(differences(expected, try storedTiles(out, in: scratch)) == [], "level \(level)")
        }
    }

    @Test func aChangedByteCostsItsTileAlone() throws {
        let scratch = try Scratch()
        let picture = Picture()
        let expected = try Undisturbed.tiles(picture, in: scratch)
        let out = scratch.path("mosaic")
        _ = try render(picture, to: out, in: scratch)
        let file = try #require(cells(out, level: 2).first)
        var bytes = try Data(contentsOf: URL(filePath: file))
        let mark = try #require(bytes.range(of: Data("IDAT".utf8), in: bytes.count / 2..<bytes.count))
        bytes[mark.upperBound + 100] ^= 0x40
        try bytes.write(to: URL(filePath: file))
        let (status, text) = try Daemon.run("tessera", ["verify", out, "--sample", "0"], in: scratch)
        #expect(status == 1 && text.contains("checksum"), "\(text)")
        let total = try render(picture, to: out, in: scratch)
        #expect(total > 0, "the rest was kept")
        #expect(differences(expected, try storedTiles(out, in: scratch)) == [])
    }

    /// Pixels with a right checksum that are not what the model makes: only rendering them again can tell.
    @Test func verifyFindsALie() throws {
        let scratch = try Scratch()
        let picture = Picture()
        let out = scratch.path("mosaic")
        _ = try render(picture, to: out, in: scratch)
        let (status, text) = try Daemon.run("tessera", ["verify", out, "--sample", "10000"], in: scratch)
        #expect(status == 0, "\(text)")
        let file = try #require(cells(out, level: 2).first)
        let zoom = "(SELECT max(zoom_level) FROM progress)"
        try Daemon.succeed(
            "sqlite3",
            [
                file,
                """
                CREATE TEMP TABLE lie AS SELECT * FROM tiles NATURAL JOIN progress WHERE zoom_level = \(zoom)
                    ORDER BY tile_column, tile_row LIMIT 1;
                CREATE TEMP TABLE victim AS SELECT * FROM tiles WHERE zoom_level = \(zoom)
                    ORDER BY tile_column, tile_row LIMIT 1 OFFSET 2;
                UPDATE progress SET checksum = (SELECT checksum FROM lie)
                    WHERE zoom_level = \(zoom) AND (tile_column, tile_row) IN (SELECT tile_column, tile_row FROM victim);
                """,
            ], in: scratch)
        let (after, report) = try Daemon.run("tessera", ["verify", out, "--sample", "10000"], in: scratch)
        #expect(after == 1, "\(report)")
        let differing = report.split(separator: "\n").filter { $0.hasSuffix("differs") && $0.hasPrefix("window 2/") }
        #expect((1...4).contains(differing.count), "\(report)")
    }
}
