internal import CKernels
internal import Denoiser

/// A convolution with its weights packed for one kernel.
///
/// The output is made in chunks, up to 512 pixels of 32 channels, each by one call that sums over all taps and input
/// channels in one order. Chunks depend on the layer's sizes alone, so that every caller gets the same bits.
struct Convolution {
    /// How products lie in the operand and in the target.
    struct Placement {
        /// Operand pixels from one product to the next.
        var stride = 1
        /// The target's pixel of product (y, x) is (scale·y + row, scale·x + column).
        var scale = 1
        var row = 0
        var column = 0
    }

    /// Where a step reads: 32 channels at one tap.
    struct Step {
        /// Of several operands.
        var operand = 0
        var block: Int
        /// Rows and columns from the pixel's upper left neighbour.
        var row: Int
        var column: Int
    }

    let outputs: Int
    private let kernel: Kernel
    private let placement: Placement
    private let steps: [Step]
    private let weights: ByteBuffer
    private let bias: FloatBuffer

    init(_ plan: ConvolutionPlan, bias: [Float], kernel: Kernel, placement: Placement = Placement()) {
        outputs = bias.count
        self.kernel = kernel
        self.placement = placement
        steps = plan.steps
        weights = plan.pack(outputs: outputs, kernel: kernel)
        let padded = channelBlocks(outputs) * channelBlock
        self.bias = FloatBuffer(bias + [Float](repeating: 0, count: padded - outputs))
    }

    var stepCount: Int { steps.count }

    /// Compute `target` = bias + `residual` + Σ weights · operands.
    ///
    /// - Parameters:
    ///   - second: the operand of the steps that name a second one; of the first one's size.
    ///   - residual: an image of the target's size, possibly the target itself.
    ///   - part: which of several convolutions that fill one target this is, the last one joining the moments.
    func callAsFunction(
        _ source: Operand, _ second: Operand? = nil, into target: Image, adding residual: Image? = nil,
        part: (index: Int, of: Int) = (0, 1), _ workspace: Workspace
    ) {
        assert(target.channels == outputs && source.width == target.width * placement.stride / placement.scale)
        let offsets = offsets(source, second, workspace)
        let (height, width) = (target.height / placement.scale, target.width / placement.scale)
        var work = tessera_convolution()
        work.source = UnsafeRawPointer(source.base)
        work.steps = offsets
        work.step_count = Int32(steps.count)
        work.weights = UnsafeRawPointer(weights.pointer)
        work.bias = UnsafePointer(bias.pointer)
        work.residual = residual.map { UnsafePointer($0.base) }
        work.target = target.base
        work.plane = Int64(target.area)
        (work.height, work.width) = (Int32(height), Int32(width))
        work.row = Int32(source.width + 1)
        work.stride = Int32(placement.stride)
        work.scale = Int32(placement.scale)
        work.row_offset = Int32(placement.row)
        work.column_offset = Int32(placement.column)

        let chunks = Int(tessera_chunk_count(work.height, work.width, work.stride))
        let blocks = target.blocks
        let size = 3 * channelBlock
        let parts = workspace.moments(chunks: chunks * part.of, blocks: blocks)
        withUnsafePointer(to: &work) { work in
            workspace.team.forEach(chunks * blocks) { index, _ in
                let (chunk, block) = index.quotientAndRemainder(dividingBy: blocks)
                tessera_convolve(
                    kernel.code, work, Int32(chunk), Int32(block),
                    parts + ((part.index * chunks + chunk) * blocks + block) * size)
            }
        }
        guard part.index + 1 == part.of else { return }
        for block in 0..<blocks {
            tessera_merge_moments(
                parts + block * size, Int64(chunks * part.of), Int64(blocks * size), target.moments + block * size)
        }
    }

    /// The bytes from a product's place to what each step reads.
    private func offsets(_ first: Operand, _ second: Operand?, _ workspace: Workspace) -> UnsafePointer<Int64> {
        let offsets = workspace.offsets
        precondition(steps.count <= workspace.maximumSteps)
        let position = Int(tessera_position_bytes(kernel.code))
        let apart = second.map { $0.base - first.base } ?? 0
        for (index, step) in steps.enumerated() {
            let operand = step.operand == 0 ? 0 : apart
            let tap = (step.row * (first.width + 1) + step.column) * position
            offsets[index] = Int64(operand + step.block * first.stride + tap)
        }
        return UnsafePointer(offsets)
    }
}
