import BLASEngine
import COpenBLAS
import Denoiser
import Foundation

// Time one denoising step against what the matrix product itself reaches in the same process.
//     bench-engine MODEL.safetensors [WINDOW] [BATCH] [THREADS] [REPEATS] [--reexec]

var arguments = Array(CommandLine.arguments.dropFirst())
if arguments.last == "--reexec" {
    BLASRuntime.reexecIfNeeded()
    arguments.removeLast()
}
guard let path = arguments.first else {
    print("usage: bench-engine MODEL.safetensors [WINDOW] [BATCH] [THREADS] [REPEATS] [--reexec]")
    exit(2)
}
let numbers = arguments.dropFirst().map { Int($0) ?? 1 }
let window = numbers.first ?? 256
let batch = numbers.count > 1 ? numbers[1] : 1
let threads = numbers.count > 2 ? numbers[2] : 1
let repeats = numbers.count > 3 ? numbers[3] : 5

/// The least of several runs, in seconds of the clock and of the process's CPU time; the latter bears a busy machine.
func least(_ runs: Int, _ body: () throws -> Void) rethrows -> (wall: Double, cpu: Double) {
    func seconds(_ clock: clockid_t) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
    var best = (wall: Double.infinity, cpu: Double.infinity)
    for _ in 0..<runs {
        let start = (seconds(CLOCK_MONOTONIC), seconds(CLOCK_PROCESS_CPUTIME_ID))
        try body()
        best.wall = min(best.wall, seconds(CLOCK_MONOTONIC) - start.0)
        best.cpu = min(best.cpu, seconds(CLOCK_PROCESS_CPUTIME_ID) - start.1)
    }
    return best
}

/// Operations of one step on one window: two for every weight of a convolution and pixel, attention included.
func operations(_ model: ModelConfiguration, window: Int) -> Double {
    let encoder = model.tensors.lazy.filter { $0.name.hasPrefix("encoder") }.count
    var total = 0.0
    for tensor in model.tensors.dropFirst(encoder) where tensor.shape.count == 4 {
        let parts = tensor.name.split(separator: ".")
        let level = parts.count > 2 && parts[1] != "middle" ? Int(parts[2]) ?? 0 : model.widths.count - 1
        let side: Int
        switch parts[1] {
        case "input", "output": side = window / model.unshuffle
        case "downsample": side = (window / model.unshuffle) >> (level + 1)
        default: side = (window / model.unshuffle) >> level
        }
        total += 2 * Double(tensor.shape.reduce(1, *)) * Double(side * side)
        if parts.contains("projection") { total += 4 * Double(tensor.shape[0]) * pow(Double(side), 4) }
    }
    return total
}

/// A line of /proc/self/status, e.g. VmHWM.
func status(_ key: String) -> String {
    let text = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix(key) }
    return line.map { $0.dropFirst(key.count + 1).trimmingCharacters(in: .whitespaces) } ?? "unknown"
}

let engine = try BLASEngine(model: ModelFile(contentsOf: URL(fileURLWithPath: path)), threads: threads)
let model = engine.configuration
let side = window / model.factor
let conditions = (0..<batch * model.imageChannels * side * side).map { Float($0 % 17) / 8 - 1 }
let constants = [Float](repeating: 0.5, count: batch * (model.scalars.count - 1))
let x = (0..<batch * model.imageChannels * window * window).map { Float($0 % 23) / 8 - 1 }
var output = x
let begin = try least(2) {
    _ = try engine.begin(conditions: conditions, constants: constants, count: batch, window: window)
}
let trajectory = try engine.begin(conditions: conditions, constants: constants, count: batch, window: window)
let step = try least(repeats) {
    try x.withUnsafeBufferPointer { source in
        try output.withUnsafeMutableBufferPointer { try trajectory.predict(source, timestep: 500, into: $0) }
    }
}
let peak = status("VmHWM:")

let n = 2048
let a = [Float](repeating: 0.5, count: n * n)
var c = a
let product = least(5) {
    cblas_sgemm(
        CblasRowMajor, CblasNoTrans, CblasNoTrans, blasint(n), blasint(n), blasint(n), 1, a, blasint(n), a,
        blasint(n), 0, &c, blasint(n))
}
let work = operations(model, window: window) * Double(batch)
let rate = work / step.cpu * 1e-9
let ideal = 2 * pow(Double(n), 3) / product.cpu * 1e-9
print("\(engine.profile), window \(window), batch \(batch), threads \(threads)")
print(String(format: "begin %.3f s, step %.3f s, %.1f GFLOP", begin.wall, step.wall, work * 1e-9))
print(
    String(
        format: "%.1f GFLOP per CPU second; sgemm 2048³ on one thread %.1f; the step reaches %.0f %%", rate, ideal,
        100 * rate / ideal))
print("peak resident memory \(peak)")
