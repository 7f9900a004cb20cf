import BLASEngine
import CKernels
import COpenBLAS
import Denoiser
import Foundation

/// What the machine can do, and how near the network's layers come to it, one thread.
struct Roofline {
    let configuration: ModelConfiguration
    let kernel: Kernel
    let window: Int

    init(model: URL, kernel: Kernel, window: Int) throws {
        configuration = try ModelFile(contentsOf: model).configuration
        self.kernel = kernel
        self.window = window
    }

    func run() {
        print("sgemm 2048³, \(BLASRuntime.coreName): \(Self.rate(sgemm())) GFLOP/s")
        for kernel in Kernel.available {
            let best = LayerTiming(kernel, side: 16, inputs: 256, outputs: 32)
            print("\(kernel.rawValue), all data in the first two caches: \(Self.rate(best.rate)) GFLOP/s")
        }
        print(String(format: "copying 128 MiB: %.1f GB/s read and written", bandwidth(128 << 20)))
        print(String(format: "copying 512 KiB within the second cache: %.1f GB/s", bandwidth(1 << 19)))
        print("\nlayers of \(configuration.name) at \(window)², \(kernel.rawValue):")
        print("  side  inputs outputs  times   GFLOP  convolution ms  GFLOP/s  operand ms")
        var total = (work: 0.0, convolution: 0.0, operand: 0.0)
        for layer in layers() {
            let timing = LayerTiming(kernel, side: layer.side, inputs: layer.inputs, outputs: layer.outputs)
            let times = Double(layer.times)
            total.work += timing.work * times
            total.convolution += timing.convolution * times
            total.operand += timing.operand * times
            print(
                String(
                    format: "%6d %7d %7d %6d %7.2f %15.2f %8.0f %11.2f", layer.side, layer.inputs, layer.outputs,
                    layer.times, timing.work * times * 1e-9, timing.convolution * times * 1e3, timing.rate * 1e-9,
                    timing.operand * times * 1e3))
        }
        print(
            String(
                format: "sum: %.1f GFLOP, convolutions %.1f ms, operands %.1f ms", total.work * 1e-9,
                total.convolution * 1e3, total.operand * 1e3))
    }

    private static func rate(_ value: Double) -> String { String(format: "%.0f", value * 1e-9) }

    private struct Layer: Hashable {
        var side: Int
        var inputs: Int
        var outputs: Int
        var times = 1
    }

    /// The 3×3 convolutions of stride 1 of the residual blocks, which are nearly all of the work.
    private func layers() -> [Layer] {
        configuration.widths.enumerated().flatMap { level, width -> [Layer] in
            let side = (window / configuration.unshuffle) >> level
            let blocks = configuration.blocks[level]
            let middle = level == configuration.widths.count - 1 ? 2 : 0
            return [
                Layer(side: side, inputs: width, outputs: width, times: 3 * blocks + 2 * middle),
                Layer(side: side, inputs: 2 * width, outputs: width, times: blocks),
            ]
        }
    }

    private func sgemm() -> Double {
        let n = 2048
        let a = [Float](repeating: 0.5, count: n * n)
        var c = a
        openblas_set_num_threads(1)
        let time = Duration.least(4) {
            cblas_sgemm(
                CblasRowMajor, CblasNoTrans, CblasNoTrans, blasint(n), blasint(n), blasint(n), 1, a, blasint(n), a,
                blasint(n), 0, &c, blasint(n))
        }
        return 2 * pow(Double(n), 3) / time.cpu
    }

    /// Bytes read and written by filling operands without a function, in GB/s, over images of so many bytes.
    private func bandwidth(_ bytes: Int) -> Double {
        let side = 64
        let image = side * side * 128
        let images = bytes / image
        let code = (kernel == .amxBF16 || kernel == .amxSplit ? Kernel.avx512 : kernel).cKernel
        let plane = Int(tessera_operand_positions(Int32(side), Int32(side))) * 128
        let (source, target) = (LayerTiming.Block(images * image), LayerTiming.Block(images * plane))
        let neutral = LayerTiming.Block(256)
        for i in 0..<32 { neutral.floats[i] = 1 }
        let runs = max(1, (256 << 20) / bytes)
        let time = Duration.least(3) {
            for _ in 0..<runs {
                for i in 0..<images {
                    var work = tessera_activation(
                        source: source.floats + i * side * side * 32, scale: neutral.floats,
                        shift: neutral.floats + 32, function: TESSERA_IDENTITY, target: target.pointer + i * plane,
                        raw: nil, height: Int32(side), width: Int32(side))
                    tessera_activate(code, &work, 0, Int32(side))
                }
            }
        }
        return Double(2 * images * image * runs) / time.cpu * 1e-9
    }
}

/// One 3×3 convolution by itself: seconds for the products and for filling its operand.
struct LayerTiming {
    let work: Double
    let convolution: Double
    let operand: Double

    var rate: Double { work / convolution }

    init(_ kernel: Kernel, side: Int, inputs: Int, outputs: Int) {
        let code = kernel.cKernel
        let (inputBlocks, outputBlocks) = ((inputs + 31) / 32, (outputs + 31) / 32)
        let position = Int(tessera_position_bytes(code))
        let plane = Int(tessera_operand_positions(Int32(side), Int32(side))) * position
        let source = Block(inputBlocks * side * side * 128)
        let operandBytes = Block(inputBlocks * plane + Int(TESSERA_OVERRUN) * position)
        let weights = Block(outputBlocks * inputBlocks * 9 * Int(tessera_step_bytes(code)))
        let target = Block(outputBlocks * side * side * 128)
        let ones = Block(max(32, outputBlocks * 32) * 4)
        for i in 0..<max(32, outputBlocks * 32) { ones.floats[i] = 1 }
        let stepCount = 9 * inputBlocks
        let steps = Block(stepCount * 8)
        let offsets = steps.pointer.bindMemory(to: Int64.self, capacity: stepCount)
        for block in 0..<inputBlocks {
            for tap in 0..<9 {
                offsets[block * 9 + tap] = Int64(block * plane + (tap / 3 * (side + 1) + tap % 3) * position)
            }
        }
        var moments = [Double](repeating: 0, count: 96)
        work = 18 * Double(inputs * outputs * side * side)

        operand =
            Duration.least(5) {
                for block in 0..<inputBlocks {
                    var work = tessera_activation(
                        source: source.floats + block * side * side * 32, scale: ones.floats, shift: ones.floats,
                        function: TESSERA_SILU,
                        target: operandBytes.pointer + block * plane, raw: nil, height: Int32(side), width: Int32(side))
                    tessera_activate(code, &work, 0, Int32(side))
                }
            }.cpu
        convolution =
            Duration.least(5) {
                var work = tessera_convolution(
                    source: operandBytes.pointer, steps: offsets, step_count: Int32(stepCount),
                    weights: weights.pointer,
                    bias: ones.floats, residual: nil, target: target.floats, plane: Int64(side * side),
                    height: Int32(side),
                    width: Int32(side), row: Int32(side + 1), stride: 1, scale: 1, row_offset: 0, column_offset: 0)
                for chunk in 0..<tessera_chunk_count(Int32(side), Int32(side), 1) {
                    for block in 0..<outputBlocks { tessera_convolve(code, &work, chunk, Int32(block), &moments) }
                }
            }.cpu
    }

    fileprivate final class Block {
        let pointer: UnsafeMutableRawPointer
        var floats: UnsafeMutablePointer<Float> { pointer.assumingMemoryBound(to: Float.self) }

        init(_ bytes: Int) {
            pointer = .allocate(byteCount: bytes, alignment: 64)
            pointer.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
        }

        deinit { pointer.deallocate() }
    }
}

extension Kernel {
    /// The kernel in C.
    var cKernel: tessera_kernel {
        switch self {
        case .baseline: TESSERA_BASELINE
        case .avx2: TESSERA_AVX2
        case .avx512: TESSERA_AVX512
        case .amxSplit: TESSERA_AMX_SPLIT
        case .amxBF16: TESSERA_AMX_BF16
        }
    }
}
