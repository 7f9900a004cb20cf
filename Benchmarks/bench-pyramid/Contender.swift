import Foundation

/// What one program took for one pyramid.
struct Measurement: Encodable {
    var name: String
    var seconds: Double
    /// Of all processors, children included.
    var processorSeconds: Double
    var megapixelsPerSecond: Double
    var bytes: Int
    /// The peak of the program's own process, without children it may start.
    var peakMegabytes: Double
}

/// A program that builds a pyramid, run and watched.
struct Contender {
    var name: String
    var program: String
    var arguments: [String]
    /// What it writes, file or folder; removed before and after.
    var output: String

    func measure(megapixels: Double) throws -> Measurement? {
        guard let path = Self.find(program) else { return nil }
        try? FileManager.default.removeItem(atPath: output)
        defer { try? FileManager.default.removeItem(atPath: output) }
        let process = Process()
        process.executableURL = URL(filePath: path)
        process.arguments = arguments
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.standardError
        let before = Self.processorSeconds()
        let start = ContinuousClock.now
        try process.run()
        var peak = 0
        while process.isRunning {
            peak = max(peak, Self.peak(process.processIdentifier))
            usleep(20_000)
        }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        guard process.terminationStatus == 0 else { throw BenchError("\(name) failed: \(arguments)") }
        return Measurement(
            name: name, seconds: seconds, processorSeconds: Self.processorSeconds() - before,
            megapixelsPerSecond: megapixels / seconds, bytes: Self.size(output),
            peakMegabytes: Double(peak) / 1024)
    }

    /// What all children that have ended took.
    private static func processorSeconds() -> Double {
        var usage = rusage()
        getrusage(RUSAGE_CHILDREN.rawValue, &usage)
        return [usage.ru_utime, usage.ru_stime].reduce(0) { $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6 }
    }

    private static func find(_ program: String) -> String? {
        if program.contains("/") { return program }
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        return folders.map { "\($0)/\(program)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// VmHWM in KiB; 0 once the process is gone.
    private static func peak(_ pid: Int32) -> Int {
        guard let text = try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") })
        else { return 0 }
        return line.split(whereSeparator: { !$0.isNumber }).first.flatMap { Int($0) } ?? 0
    }

    private static func size(_ path: String) -> Int {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else { return 0 }
        let names = isFolder.boolValue ? (try? FileManager.default.subpathsOfDirectory(atPath: path)) ?? [] : [""]
        return names.reduce(0) { total, name in
            let attributes = try? FileManager.default.attributesOfItem(atPath: name.isEmpty ? path : path + "/" + name)
            return total
                + ((attributes?[.type] as? FileAttributeType == .typeRegular ? attributes?[.size] as? Int : 0) ?? 0)
        }
    }
}
