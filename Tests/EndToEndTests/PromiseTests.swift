import Canvas
import Foundation
import Testing

@testable import Pyramid

/// A pixel is a pure function: not of workers, batches, crashes, restarts or the region asked for.
@Suite(.serialized) struct PromiseTests {
    @Test func bytesDoNotDependOnWorkersBatchesOrCrashes() throws {
        let scratch = try Scratch()
        try Tessera.succeed(render(Alps.whole, to: scratch.path("plain"), workers: 1, batch: 1, steps: 12))
        let expected = try storedTiles(scratch.path("plain"))
        #expect(expected.count > 20)

        try Tessera.succeed(render(Alps.whole, to: scratch.path("many"), workers: 3, batch: 4, steps: 12))
        #expect(differences(expected, try storedTiles(scratch.path("many"))) == [])

        try renderWithFaults(to: scratch.path("faults"))
        #expect(differences(expected, try storedTiles(scratch.path("faults"))) == [])
    }

    /// Kill a worker, then interrupt, then kill the coordinator itself, then go on to the end.
    private func renderWithFaults(to out: String) throws {
        let arguments = try render(Alps.whole, to: out, workers: 3, batch: 2, steps: 12, more: ["--json"])
        let first = try BackgroundRender(arguments)
        let total = try first.wait(windows: 3)
        let worker = try #require(first.workers().first)
        kill(worker, SIGKILL)
        let later = try first.wait(windows: 6)
        #expect(later.done > total.done, "the others go on")
        first.process.interrupt()
        first.process.waitUntilExit()
        #expect(first.process.terminationStatus == 3, "interrupted and resumable")

        let second = try BackgroundRender(arguments)
        _ = try second.wait(windows: 10)
        kill(second.process.processIdentifier, SIGKILL)
        second.process.waitUntilExit()

        let last = try Tessera.succeed(arguments)
        #expect(last.contains("\"finished\""))
    }

    @Test func neighboursRenderedApartMeetAsIfRenderedWhole() throws {
        let scratch = try Scratch()
        for (name, box) in [("whole", Alps.whole), ("west", Alps.west), ("east", Alps.east)] {
            try Tessera.succeed(render(box, to: scratch.path(name), workers: 2, batch: 2))
        }
        let whole = try Mosaic(reading: scratch.url("whole"))
        let parts = try ["west", "east"].map { try Mosaic(reading: scratch.url($0)) }
        for level in 1...2 {
            let cores = whole.doneCores(level: level)
            #expect(!cores.isEmpty)
            #expect(parts[0].doneCores(level: level).union(parts[1].doneCores(level: level)) == cores)
            for part in parts {
                var unequal: [String] = []
                try part.doneCores(level: level).forEach { column, row in
                    let core = Core(level: level, column: column, row: row)
                    let rect = whole.canvas.geometry.coreRect(core)
                    if try part.read(rect, level: level) != whole.read(rect, level: level) {
                        unequal.append(core.description)
                    }
                }
                #expect(unequal == [], "level \(level)")
            }
        }
        let tiles = try storedTiles(scratch.path("whole"))
        let finest = try ["west", "east"].map { try storedTiles(scratch.path($0)).filter { $0.key.contains(", 9/") } }
        #expect(differences(tiles.filter { $0.key.contains(", 9/") }, finest[0].merging(finest[1]) { $1 }) == [])
    }

    /// Two coordinators that share a mosaic along the border of cells, at the same time and without a word between them.
    @Test func coordinatorsThatShareAMosaicByCellsMakeTheSameFiles() throws {
        let scratch = try Scratch()
        // Zoom 9: the cells meet at column 256, the meridian of Greenwich.
        try Tessera.succeed(render(Alps.box(254..<258), to: scratch.path("whole")))
        let parts = try [("west", Alps.box(254..<256)), ("east", Alps.box(256..<258))].map { name, box in
            let process = Tessera.process(try render(box, to: scratch.path(name)))
            process.standardOutput = FileHandle.nullDevice
            try process.run()
            return (name, process)
        }
        for (_, process) in parts {
            process.waitUntilExit()
            #expect(process.terminationStatus == 0)
        }
        // Down to zoom 3 a cell holds its own overviews; those above it are built when the parts are put together.
        func cells(_ name: String) throws -> [String: String] {
            try storedTiles(scratch.path(name)).filter { key, _ in
                (3...9).contains { key.hasPrefix("level 2, \($0)/") }
            }
        }
        let (west, east) = (try cells("west"), try cells("east"))
        #expect(Set(west.keys).isDisjoint(with: east.keys), "no tile is made twice")
        #expect(west.count > 8 && east.count > 8)
        #expect(differences(try cells("whole"), west.merging(east) { $1 }) == [])
    }

    @Test func extendingADirectoryEqualsRenderingItWhole() throws {
        let scratch = try Scratch()
        try Tessera.succeed(render(Alps.whole, to: scratch.path("whole")))
        try Tessera.succeed(render(Alps.west, to: scratch.path("grown")))
        try Tessera.succeed(render(Alps.whole, to: scratch.path("grown")))
        #expect(differences(try storedTiles(scratch.path("whole")), try storedTiles(scratch.path("grown"))) == [])
    }

    @Test func theSeedDecidesThePicture() throws {
        let scratch = try Scratch()
        for (name, seed) in [("a", 7), ("b", 8), ("c", 7)] {
            try Tessera.succeed(render(Alps.east, to: scratch.path(name), seed: seed, levels: 1))
        }
        let tiles = try ["a", "b", "c"].map { name in
            try storedTiles(scratch.path(name)).filter { $0.key.hasPrefix("level 1, 7/") }
        }
        #expect(tiles[0] == tiles[2])
        #expect(tiles[0].keys == tiles[1].keys)
        #expect(tiles[0].keys.allSatisfy { tiles[0][$0] != tiles[1][$0] })
    }
}
