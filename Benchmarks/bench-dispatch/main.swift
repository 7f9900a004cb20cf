import Canvas
import Foundation

// How many windows a coordinator takes through, and what they cost it.
//     bench-dispatch [--json] [SCENARIO …]       dispatch, small, store, fleet, scaling; all of them by default

/// Print at once, whatever standard output is.
func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

var arguments = Array(CommandLine.arguments.dropFirst())
if arguments.first == "--worker", arguments.count == 5 {
    var worker = NullWorker(
        NullWorker.Options(
            endpoint: arguments[1], sessions: Int(arguments[2]) ?? 1, batch: Int(arguments[3]) ?? 1,
            delay: Double(arguments[4]) ?? 0))
    try worker.run()
    exit(0)
}
let isJSON = arguments.contains("--json")
arguments.removeAll { $0 == "--json" }
let known = ["dispatch", "small", "store", "fleet", "scaling"]
if let wrong = arguments.first(where: { !known.contains($0) }) {
    say("no scenario \(wrong): \(known.joined(separator: ", "))")
    exit(2)
}

func show(_ row: Bench.Row) throws {
    if isJSON { return say(String(decoding: try JSONEncoder().encode(row), as: UTF8.self)) }
    var line = String(
        format: "%@%6d workers %8d windows %8.0f windows/s %7.1f µs CPU/window (%.0f %% user)",
        row.name.padding(toLength: 22, withPad: " ", startingAt: 0), row.workers, row.windows, row.windowsPerSecond,
        row.microsecondsPerWindow, row.userShare * 100)
    if let idle = row.idlePercent { line += String(format: "  idle %.2f %%", idle) }
    if let ratio = row.ratio { line += String(format: "  ratio %.3f", ratio) }
    say(line + "  [\(row.goal)]")
}

for scenario in arguments.isEmpty ? known : arguments {
    switch scenario {
    case "dispatch":
        try show(
            Bench.run(.init(batch: 32)).row("dispatch, 48 KiB", workers: 2, goal: "≥ 20000/s, ≤ 20 µs"))
    case "small":
        try show(
            Bench.run(.init(batch: 32, core: 32)).row("dispatch, 3 KiB", workers: 2, goal: "≥ 20000/s, ≤ 20 µs"))
    case "store":
        var alone = (tiles: 0, seconds: 0.0)
        let load = Bench.Load(
            batch: 16, keepsPixels: true, box: .box(west: 10, south: 40, east: 11.5, north: 41), toTheEnd: true)
        let result = try Bench.run(load) { alone = try Bench.encodingSeconds($0) }
        try show(
            result.row(
                "stitched and encoded", workers: 2, goal: "≥ 0.8 of libpng alone: \(alone.tiles) tiles",
                ratio: alone.seconds / result.seconds))
    case "fleet":
        let result = try Bench.run(.init(processes: 4, sessions: 250, batch: 4))
        try show(
            result.row(
                "a thousand workers", workers: 1000,
                goal: String(format: "all registered after %.1f s", result.joinSeconds)))
    default:
        var single: Double?
        for count in [1, 2, 4] {
            let result = try Bench.run(.init(processes: count, batch: 4, delay: 0.1))
            single = single ?? result.rate
            try show(
                result.row(
                    "100 ms a batch of 4", workers: count, goal: "≥ 0.97 of linear, idle ≤ 2 %",
                    ratio: result.rate / (Double(count) * (single ?? 1))))
        }
    }
}
