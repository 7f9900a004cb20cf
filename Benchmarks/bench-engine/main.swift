import BLASEngine
import Foundation

// The engine's side of the benchmarks in Benchmarks/*.py, and the machine's roofline.
//     bench-engine serve MODEL.safetensors [KERNEL] [THREADS]     reads commands, a line each; see Server
//     bench-engine kernels MODEL.safetensors                      the kernels of this machine, as a list in JSON
//     bench-engine roofline MODEL.safetensors [KERNEL] [WINDOW]   what limits each layer

BLASRuntime.reexecIfNeeded()
let arguments = CommandLine.arguments.dropFirst()
let usage = "usage: bench-engine serve|kernels|roofline MODEL.safetensors [KERNEL] [THREADS or WINDOW]"
guard arguments.count >= 2, let mode = arguments.first else {
    print(usage)
    exit(2)
}
let rest = Array(arguments.dropFirst())
let kernel = rest.count > 1 ? Kernel(rawValue: rest[1]) ?? .fastest : .fastest
let number = rest.count > 2 ? Int(rest[2]) : nil
let model = URL(fileURLWithPath: rest[0])
switch mode {
case "serve": try Server(model: model, kernel: kernel, threads: number ?? 1).run()
case "kernels": print("\(Kernel.available.map(\.rawValue))")
case "roofline": try Roofline(model: model, kernel: kernel, window: number ?? 256).run()
default:
    print(usage)
    exit(2)
}
