import Canvas
import DequeModule
import Foundation
import Pyramid
import Scheduling

// What a window costs the scheduler in jobs of 10⁵ … 10⁸ windows over three levels, and how long a restart takes.
//     bench-scale [--json] [WINDOWS …]           jobs of about so many windows, from start to end
//     bench-scale [--json] --restart WINDOWS     read the progress of half of such a job from cell files, and go on

/// Print at once, whatever standard output is.
func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

struct Row: Codable {
    var windows: Int
    var cpuNanosecondsPerWindow: Double
    var residentMiB: Double
    var peakFrontier: Int
    var seconds: Double
}

struct RestartRow: Codable {
    var windows: Int
    var done: Int
    var cellFiles: Int
    var openSeconds: Double
    var doneSetSeconds: Double
    var submitSeconds: Double
    var totalSeconds: Double
    var residentMiB: Double
}

func cpuSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

func residentMiB(_ key: String = "VmHWM") -> Double {
    let text = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix(key) } ?? ""
    return (line.split(separator: " ").compactMap { Double($0) }.first ?? 0) / 1024
}

/// A square job of about so many windows; its finest cores are whole cells.
func plan(windows: Int, wholeCells: Bool = false) throws -> Plan {
    var side = Int64((Double(windows) * 0.94).squareRoot())
    if wholeCells { side = max(128, side / 128 * 128) }
    return try Plan(
        region: .rect(PixelRect(x: 0, y: 0, width: 2 * side, height: 2 * side)), levels: 3,
        canvas: Canvas(surface: .plane(metresPerPixel: 256), baseZoom: 0))
}

/// Render a job with a hundred workers that answer in turn: the scheduler and nothing else.
func work(_ plan: Plan) -> Row {
    let start = (ContinuousClock.now, cpuSeconds())
    var scheduler = Scheduler(epoch: 1)
    var now = Duration.zero
    var leases: Deque<Lease> = []
    var rendered = 0
    var peak = 0
    var isOver = false
    func take(_ actions: [Action]) {
        for action in actions {
            switch action {
            case .assign(let lease): leases.append(lease)
            case .finished: isOver = true
            default: break
            }
        }
    }
    take(scheduler.handle(.submitted("job", plan: plan, done: [], priority: 0), at: now))
    for worker in 1...100 as ClosedRange<UInt64> {
        take(scheduler.handle(.joined(WorkerID(worker), batch: 16, profile: "p"), at: now))
        take(scheduler.handle(.credited(WorkerID(worker), windows: 32), at: now))
    }
    var turns = 0
    while !isOver, let lease = leases.popFirst() {
        now += .milliseconds(1)
        for core in lease.cores { take(scheduler.handle(.received(lease.worker, lease.reference, core), at: now)) }
        take(scheduler.handle(.stored("job", lease.cores), at: now))
        take(scheduler.handle(.credited(lease.worker, windows: lease.cores.count), at: now))
        rendered += lease.cores.count
        turns += 1
        if turns % 1000 == 0 {
            take(scheduler.handle(.ticked, at: now))
            peak = max(peak, scheduler.footprint)
        }
    }
    precondition(rendered == plan.windowCount, "\(rendered) windows of \(plan.windowCount)")
    return Row(
        windows: rendered, cpuNanosecondsPerWindow: (cpuSeconds() - start.1) / Double(rendered) * 1e9,
        residentMiB: residentMiB(), peakFrontier: peak, seconds: (ContinuousClock.now - start.0) / .seconds(1))
}

/// Write the progress of half a job as cell files without pixels, and time what a coordinator does when it starts.
func restart(windows: Int) throws -> RestartRow {
    let plan = try plan(windows: windows, wholeCells: true)
    let folder = FileManager.default.temporaryDirectory.appending(path: "bench-scale-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let description = MosaicDescription(canvas: plan.canvas, levels: plan.levels, identity: MosaicIdentity())
    var files = 0
    do {
        let mosaic = try Mosaic(directory: folder, job: description)
        for level in 1...plan.levels {
            let (columns, rows) = (plan.sets[level].columns, plan.sets[level].rows)
            // The north half at the finest level, all that lies under it, and a little more.
            let end = level == plan.levels ? (rows.lowerBound + rows.upperBound) / 2 : rows.upperBound
            let (x, y) = (
                columns.lowerBound / 128..<(columns.upperBound + 127) / 128, rows.lowerBound / 128..<(end + 127) / 128
            )
            try mosaic.fillProgress(level: level, columns: x, rows: y)
            files += x.count * y.count
        }
    }
    let begin = ContinuousClock.now
    let mosaic = try Mosaic(reading: folder)
    let opened = ContinuousClock.now
    let done = (0...plan.levels).map { mosaic.doneCores(level: $0) }
    let counted = ContinuousClock.now
    var scheduler = Scheduler(epoch: 1)
    _ = scheduler.handle(.submitted("job", plan: plan, done: done, priority: 0), at: .zero)
    let end = ContinuousClock.now
    return RestartRow(
        windows: plan.windowCount, done: scheduler.progress(of: "job")?.done ?? 0, cellFiles: files,
        openSeconds: (opened - begin) / .seconds(1), doneSetSeconds: (counted - opened) / .seconds(1),
        submitSeconds: (end - counted) / .seconds(1), totalSeconds: (end - begin) / .seconds(1),
        residentMiB: residentMiB("VmRSS"))
}

var arguments = Array(CommandLine.arguments.dropFirst())
let isJSON = arguments.contains("--json")
let isRestart = arguments.contains("--restart")
arguments.removeAll { $0.hasPrefix("--") }
let sizes = arguments.compactMap { Int($0) }
guard sizes.count == arguments.count, sizes.allSatisfy({ (1000...1_000_000_000).contains($0) }) else {
    say("usage: bench-scale [--json] [--restart] [WINDOWS …]     1000 to 10⁹ windows")
    exit(2)
}
for size in sizes.isEmpty ? [100_000, 1_000_000, 10_000_000, 100_000_000] : sizes {
    if isRestart {
        let row = try restart(windows: size)
        say(
            isJSON
                ? String(decoding: try JSONEncoder().encode(row), as: UTF8.self)
                : String(
                    format:
                        "restart of %d windows, %d done, %d cell files: %.1f s (open %.1f, sets %.1f, frontier %.1f), %.0f MiB",
                    row.windows, row.done, row.cellFiles, row.totalSeconds, row.openSeconds, row.doneSetSeconds,
                    row.submitSeconds, row.residentMiB))
    } else {
        let row = work(try plan(windows: size))
        say(
            isJSON
                ? String(decoding: try JSONEncoder().encode(row), as: UTF8.self)
                : String(
                    format: "%10d windows %7.0f ns CPU a window %7.0f MiB at most, %d entries kept, %.1f s",
                    row.windows,
                    row.cpuNanosecondsPerWindow, row.residentMiB, row.peakFrontier, row.seconds))
    }
}
