internal import COpenBLAS
internal import Denoiser

/// A convolution with a 3×3 or 1×1 kernel as products of matrices.
///
/// The output is made in blocks of whole rows. A block starts as bias (and residual); then the input patches of a few
/// channels at a time are laid out as columns that stay in the second-level cache, and one product adds their share.
/// Which blocks and channels go together depends on the layer's sizes alone, so that every caller gets the same bits.
struct Convolution {
    let inputs: Int
    let outputs: Int
    let kernel: Int
    private let weights: FloatBuffer
    private let bias: FloatBuffer

    /// The pixels that a block aims at, and the input channels whose patches are laid out together.
    private static let blockPixels = 512
    private static let chunkChannels = 40

    /// - Parameters:
    ///   - weights: outputs × inputs × kernel × kernel, row-major.
    ///   - scale: a factor for weights and bias.
    init(weights: [Float], bias: [Float], inputs: Int, outputs: Int, kernel: Int, scale: Float = 1) {
        precondition(weights.count == outputs * inputs * kernel * kernel && bias.count == outputs)
        self.inputs = inputs
        self.outputs = outputs
        self.kernel = kernel
        self.weights = FloatBuffer(scale == 1 ? weights : weights.map { $0 * scale })
        self.bias = FloatBuffer(scale == 1 ? bias : bias.map { $0 * scale })
    }

    init(_ model: ModelFile, _ name: String, inputs: Int, outputs: Int, kernel: Int = 3, scale: Float = 1) throws {
        self.init(
            weights: try model.weights(name + ".weight"), bias: try model.weights(name + ".bias"), inputs: inputs,
            outputs: outputs, kernel: kernel, scale: scale)
    }

    /// The floats of column scratch that one lane needs for images up to this width.
    static func scratchCount(maximumWidth: Int) -> Int { chunkChannels * 9 * max(blockPixels, maximumWidth) }

    /// Convolve with a 3×3 kernel: `target` = bias + `residual` + weights ∗ `source`.
    ///
    /// - Parameters:
    ///   - stride: 1, or 2 for a target of half the size.
    ///   - residual: planes of the target's size, possibly the target itself.
    func callAsFunction(
        _ source: PaddedPlanes, into target: Planes, stride: Int = 1, adding residual: Planes? = nil,
        _ workspace: Workspace
    ) {
        assert(kernel == 3 && source.channels == inputs && target.channels == outputs)
        assert(source.width == target.width * stride && source.height == target.height * stride)
        let rows = min(target.height, max(1, Self.blockPixels / target.width))
        let chunks = (inputs + Self.chunkChannels - 1) / Self.chunkChannels
        workspace.team.forEach((target.height + rows - 1) / rows) { block, lane in
            let columns = workspace.columns[lane].pointer
            let range = block * rows..<min(target.height, (block + 1) * rows)
            let offset = range.lowerBound * target.width
            let pixels = range.count * target.width
            initialise(target, residual, offset, pixels)
            for chunk in 0..<chunks {
                let channels = inputs * chunk / chunks..<inputs * (chunk + 1) / chunks
                for (position, channel) in channels.enumerated() {
                    let column = columns + position * 9 * pixels
                    if stride == 1 {
                        Self.layOut(source[channel], source.rowStride, range, target.width, column)
                    } else {
                        Self.layOut(source[channel], source.rowStride, range, target.width, column, stride: stride)
                    }
                }
                multiply(channels, columns, pixels, target.base + offset, target.stride, pixels)
            }
        }
    }

    /// Convolve with a 1×1 kernel: `target` = bias + `residual` + weights · `source`.
    func callAsFunction(
        _ source: Planes, into target: Planes, adding residual: Planes? = nil, _ workspace: Workspace
    ) {
        assert(kernel == 1 && source.channels == inputs && target.channels == outputs && source.area == target.area)
        let block = Self.blockPixels
        workspace.team.forEach((target.area + block - 1) / block) { index, _ in
            let offset = index * block
            let pixels = min(block, target.area - offset)
            initialise(target, residual, offset, pixels)
            multiply(
                0..<inputs, source.base + offset, source.stride, target.base + offset, target.stride, pixels)
        }
    }

    private func initialise(_ target: Planes, _ residual: Planes?, _ offset: Int, _ pixels: Int) {
        let bias = bias.pointer
        for channel in 0..<outputs {
            fill(
                target[channel] + offset, with: bias[channel], adding: residual.map { $0[channel] + offset },
                count: pixels)
        }
    }

    /// Add the share of some input channels to a block of the target.
    private func multiply(
        _ channels: Range<Int>, _ columns: UnsafePointer<Float>, _ columnStride: Int,
        _ target: UnsafeMutablePointer<Float>, _ targetStride: Int, _ pixels: Int
    ) {
        let taps = kernel * kernel
        cblas_sgemm(
            CblasRowMajor, CblasNoTrans, CblasNoTrans, blasint(outputs), blasint(pixels),
            blasint(channels.count * taps), 1, weights.pointer + channels.lowerBound * taps, blasint(inputs * taps),
            columns, blasint(columnStride), 1, target, blasint(targetStride))
    }

    /// Lay out the nine shifted copies of some rows of one padded plane.
    @inline(__always)
    private static func layOut(
        _ plane: UnsafePointer<Float>, _ rowStride: Int, _ rows: Range<Int>, _ width: Int,
        _ columns: UnsafeMutablePointer<Float>
    ) {
        var target = columns
        for tap in 0..<9 {
            var source = plane + (rows.lowerBound + tap / 3) * rowStride + tap % 3
            for _ in rows {
                map(Copying(), source, target, width)
                source += rowStride
                target += width
            }
        }
    }

    private static func layOut(
        _ plane: UnsafePointer<Float>, _ rowStride: Int, _ rows: Range<Int>, _ width: Int,
        _ columns: UnsafeMutablePointer<Float>, stride: Int
    ) {
        var target = columns
        for tap in 0..<9 {
            for row in rows {
                let source = plane + (row * stride + tap / 3) * rowStride + tap % 3
                for x in 0..<width { target[x] = source[x * stride] }
                target += width
            }
        }
    }
}
