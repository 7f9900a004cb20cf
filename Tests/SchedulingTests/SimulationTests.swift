import ClusterSimulation
import Testing

/// Simulated clusters, each from one seed; `make sim SEEDS=10000` runs more of them.
@Suite struct SimulationTests {
    @Test(arguments: 0..<300)
    func everyInvariantHolds(seed: Int) {
        var cluster = Cluster(seed: UInt64(seed))
        cluster.run()
        #expect(cluster.violations == [], "make sim SEED=\(seed)")
        #expect(cluster.isOver)
    }

    @Test func aSeedReplaysExactly() {
        let stories = (0..<2).map { _ in
            var cluster = Cluster(seed: 12)
            cluster.run()
            return cluster.story
        }
        #expect(stories[0] == stories[1])
    }

    @Test func onAFairDayEveryWindowIsRendered() {
        for seed in 0..<20 as Range<UInt64> {
            var cluster = Cluster(seed: seed, faults: Faults())
            cluster.run()
            #expect(cluster.violations == [])
            #expect(cluster.unrendered == 0)
        }
    }
}
