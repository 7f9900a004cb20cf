import Foundation
import Testing

/// What processes suffer: whatever ends, and whenever, the picture comes out the same.
@Suite(.serialized) struct ProcessFaultTests {
    @Test func theCoordinatorIsKilledAtRandomMoments() throws {
        var chance = Chance()
        let cluster = try Cluster()
        try cluster.start()
        cluster.listen = cluster.endpoint
        for name in ["a", "b"] { try cluster.worker(name) }
        var picture = Picture()
        try cluster.submit(picture)
        let kills = Extent.pick(3, full: 50)
        for kill in 1...kills {
            // A random moment, in which some windows are done: nothing waits for it.
            usleep(UInt32.random(in: 100_000...2_500_000, using: &chance))
            cluster.crash()
            try cluster.start()
            if kill < kills, try cluster.status().jobs.allSatisfy({ $0.progress.phase == "finished" }) {
                picture.seed += 1
                try cluster.submit(picture)
            }
        }
        try cluster.waitUntilFinished()
        try cluster.expectUndisturbed()
        let mosaic = try #require(cluster.status().jobs.first?.mosaic)
        try Daemon.succeed("tessera", ["verify", cluster.out + "/" + mosaic, "--sample", "6"], in: cluster.scratch)
    }

    @Test func workersAreKilledAndStoppedAndGoOn() throws {
        var chance = Chance()
        let cluster = try Cluster()
        try cluster.start()
        var names = ["a", "b", "c"]
        for name in names { try cluster.worker(name) }
        var picture = Picture()
        try cluster.submit(picture)
        for round in 1...Extent.pick(3, full: 20) {
            usleep(UInt32.random(in: 100_000...1_500_000, using: &chance))
            let name = try #require(names.randomElement(using: &chance))
            let victim = try #require(cluster.workers[name])
            if round % 2 == 1 {
                victim.crash()
                names.removeAll { $0 == name }
                names.append("w\(round)")
                try cluster.worker("w\(round)")
            } else {
                victim.signal(SIGSTOP)
                // Once in a while longer than the coordinator's patience (20 s): then its results come too late.
                usleep(Extent.isFull && round % 8 == 0 ? 25_000_000 : 700_000)
                victim.signal(SIGCONT)
            }
            if try cluster.status().jobs.allSatisfy({ $0.progress.phase == "finished" }) {
                picture.seed += 1
                try cluster.submit(picture)
            }
        }
        try cluster.waitUntilFinished()
        try cluster.expectUndisturbed()
    }

    @Test func aTermSignalDrainsAndASecondOneStopsAtOnce() throws {
        let cluster = try Cluster()
        try cluster.start()
        let first = try cluster.worker("first")
        let second = try cluster.worker("second")
        try cluster.submit(Picture())
        try cluster.wait("both to work") { status in
            ["first", "second"].allSatisfy { name in
                status.workers.contains { $0.name == name && $0.windowsDone > 0 }
            }
        }
        first.signal(SIGTERM)
        #expect(try first.end(within: .seconds(120)) == 0)
        #expect(first.text.contains("draining"))
        second.signal(SIGTERM)
        second.signal(SIGTERM)
        #expect(try second.end(within: .seconds(120)) == 0)
        try cluster.wait("both to be gone") { $0.workers.isEmpty }
        try cluster.worker("third")
        try cluster.waitUntilFinished()
        try cluster.expectUndisturbed()
    }

    /// Workers find a coordinator that comes back on another port.
    @Test func aCoordinatorThatMovesIsFoundAgain() throws {
        let cluster = try Cluster()
        try cluster.start()
        for name in ["a", "b"] { try cluster.worker(name) }
        try cluster.submit(Picture())
        try cluster.wait("a window") { $0.jobs.contains { $0.progress.done > 0 } }
        cluster.coordinator?.signal(SIGTERM)
        #expect(try cluster.coordinator?.end(within: .seconds(60)) == 0)
        try cluster.start()
        try cluster.wait("the workers") { $0.workers.count == 2 }
        #expect(cluster.workers.values.allSatisfy { $0.process.isRunning }, "they waited for it")
        cluster.crash()
        try cluster.start()
        try cluster.wait("the workers again") { $0.workers.count == 2 }
        try cluster.waitUntilFinished()
        try cluster.expectUndisturbed()
    }
}
