import Canvas
import Coordinator
import Foundation
import Logging
import Pyramid
import Raster
import Scheduling

/// Runs a coordinator in this process, so that its CPU time can be told from that of the workers, which are others.
struct Bench {
    /// One line of the table.
    struct Row: Codable {
        var name: String
        var workers: Int
        var windows: Int
        var windowsPerSecond: Double
        /// CPU time of all the coordinator's threads, the kernel's work for them included.
        var microsecondsPerWindow: Double
        var userShare: Double
        /// Of the workers, between batches; nil without a delay.
        var idlePercent: Double?
        /// What the scenario is held against, and how it compares.
        var goal: String
        var ratio: Double?
    }

    struct Load {
        var processes = 2
        var sessions = 1
        var batch = 16
        var delay = 0.0
        var core: Int64 = 128
        var keepsPixels = false
        var seconds = 8.0
        /// Render this box to the end, rather than for a time.
        var box = Region.box(west: -30, south: -30, east: 50, north: 30)
        var toTheEnd = false
    }

    struct Result {
        var windows = 0
        var seconds = 0.0
        var cpu = (user: 0.0, system: 0.0)
        var reports: [NullWorker.Report] = []
        var joinSeconds = 0.0

        var rate: Double { Double(windows) / seconds }
        var microseconds: Double { (cpu.user + cpu.system) / Double(max(windows, 1)) * 1e6 }
        var idlePercent: Double? {
            let busy = reports.reduce(0) { $0 + $1.busySeconds }
            return busy > 0 ? reports.reduce(0) { $0 + $1.idleSeconds } / busy * 100 : nil
        }

        func row(_ name: String, workers: Int, goal: String, ratio: Double? = nil) -> Row {
            Row(
                name: name, workers: workers, windows: windows, windowsPerSecond: rate,
                microsecondsPerWindow: microseconds, userShare: cpu.user / max(cpu.user + cpu.system, 1e-9),
                idlePercent: idlePercent, goal: goal, ratio: ratio)
        }
    }

    struct Failure: Error, CustomStringConvertible { let description: String }

    static func cpu() -> (user: Double, system: Double) {
        var usage = rusage()
        getrusage(0, &usage)
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) * 1e-6 }
        return (seconds(usage.ru_utime), seconds(usage.ru_stime))
    }

    /// Run a load, and hand the mosaic's folder to `inspect` before it goes.
    static func run(_ load: Load, inspect: (URL) throws -> Void = { _ in }) throws -> Result {
        let folder = FileManager.default.temporaryDirectory.appending(path: "bench-dispatch-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        var configuration = Coordinator.Configuration(directory: folder, singleMosaic: true)
        configuration.keepsPixels = load.keepsPixels
        var quiet = Logger(label: "bench")
        quiet.logLevel = .error
        let coordinator = try Coordinator(configuration, log: quiet)
        var isOpen = true
        defer { if isOpen { coordinator.shutdown() } }
        let start = ContinuousClock.now
        let workers = try (0..<load.processes).map { _ in try spawn(coordinator.endpoint, load) }
        let total = load.processes * load.sessions
        try wait("\(total) workers to register") { coordinator.status().workers.count == total }
        var result = Result()
        result.joinSeconds = (ContinuousClock.now - start) / .seconds(1)
        let geometry = try WindowGeometry(core: load.core, margin: load.core / 2)
        let (begun, cpuBefore) = (ContinuousClock.now, cpu())
        _ = try coordinator.submit(
            JobRequest(baseZoom: 6, region: load.box, levels: 3, seed: 1, geometry: geometry))
        func done() -> Int { coordinator.status().jobs.first?.progress.done ?? 0 }
        if load.toTheEnd {
            try wait("the job to end", seconds: 300) { coordinator.status().jobs.first?.progress.phase == .finished }
            result.windows = done()
            result.seconds = (ContinuousClock.now - begun) / .seconds(1)
            let after = cpu()
            result.cpu = (after.user - cpuBefore.user, after.system - cpuBefore.system)
        } else {
            try wait("the first windows") { done() > 4 * load.batch * total || done() > 5000 }
            Thread.sleep(forTimeInterval: 0.5)
            let (from, first, cpuFrom) = (ContinuousClock.now, done(), cpu())
            Thread.sleep(forTimeInterval: load.seconds)
            let after = cpu()
            result.windows = done() - first
            result.seconds = (ContinuousClock.now - from) / .seconds(1)
            result.cpu = (after.user - cpuFrom.user, after.system - cpuFrom.system)
        }
        coordinator.shutdown()
        isOpen = false
        for worker in workers {
            let data = worker.output.fileHandleForReading.readDataToEndOfFile()
            worker.process.waitUntilExit()
            if let report = try? JSONDecoder().decode(NullWorker.Report.self, from: data) {
                result.reports.append(report)
            }
        }
        try inspect(folder)
        return result
    }

    private static func wait(_ what: String, seconds: Double = 60, until done: () -> Bool) throws {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while !done() {
            guard ContinuousClock.now < deadline else { throw Failure(description: "waited too long for \(what)") }
            Thread.sleep(forTimeInterval: 0.02)
        }
    }

    private static func spawn(_ endpoint: String, _ load: Load) throws -> (process: Process, output: Pipe) {
        let process = Process()
        process.executableURL = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments = [
            "--worker", endpoint, "\(load.sessions)", "\(load.batch)", "\(load.delay)",
        ]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        return (process, pipe)
    }

    // MARK: - libpng alone

    /// Seconds that libpng alone takes, on all cores, for every tile that a mosaic holds.
    static func encodingSeconds(_ folder: URL) throws -> (tiles: Int, seconds: Double) {
        let mosaic = try Mosaic(reading: folder)
        let pictures = try mosaic.storedPictures()
        let start = ContinuousClock.now
        DispatchQueue.concurrentPerform(iterations: pictures.count) { index in
            _ = try? pictures[index].png()
        }
        return (pictures.count, (ContinuousClock.now - start) / .seconds(1))
    }
}
