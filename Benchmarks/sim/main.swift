import ClusterSimulation
import Foundation

// Run simulated clusters, one from each seed, and stop at the first that breaks an invariant.
//     cluster-sim [SEEDS] [FIRST]      seeds FIRST ..< FIRST + SEEDS
//     cluster-sim --seed N             one seed, in words

let arguments = Array(CommandLine.arguments.dropFirst())
let isSingle = arguments.first == "--seed"
let numbers = arguments.dropFirst(isSingle ? 1 : 0).map { UInt64($0) }
guard !numbers.contains(nil), !isSingle || numbers.count == 1, numbers.count <= 2 else {
    print("usage: cluster-sim [SEEDS] [FIRST] | cluster-sim --seed N")
    exit(2)
}
let first = isSingle ? numbers[0] ?? 0 : numbers.count > 1 ? numbers[1] ?? 0 : 0
let count = isSingle ? 1 : numbers.first.flatMap { $0 } ?? 10_000

let start = ContinuousClock.now
var (events, restarts, stalls, peak) = (0, 0, 0, 0)
for seed in first..<first + count {
    var cluster = Cluster(seed: seed)
    cluster.run()
    events += cluster.events
    restarts += cluster.restarts
    stalls += cluster.stalls
    peak = max(peak, cluster.peakFootprint)
    if isSingle { print(cluster.story) }
    for violation in cluster.violations { print("seed \(seed): \(violation)") }
    guard cluster.violations.isEmpty else {
        print("run it again: make sim SEED=\(seed)")
        exit(1)
    }
}
let seconds = (ContinuousClock.now - start) / .seconds(1)
print(
    """
    \(count) seeds from \(first): no invariant broken; \(events) events, \(restarts) coordinator crashes, \
    \(stalls) jobs paused for want of workers, at most \(peak) entries kept, \(String(format: "%.1f", seconds)) s
    """)
