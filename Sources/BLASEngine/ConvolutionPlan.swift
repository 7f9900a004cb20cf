internal import CKernels
internal import Denoiser

/// The steps of a convolution and what each multiplies with.
struct ConvolutionPlan {
    /// The weight of an input channel for an output channel.
    typealias Weight = (_ output: Int, _ input: Int) -> Float

    private(set) var steps: [Convolution.Step] = []
    private var matrices: [(channels: Range<Int>, weight: Weight)] = []

    /// Add one tap for all input channels.
    private mutating func add(operand: Int, _ segments: [Int], row: Int, column: Int, weight: @escaping Weight) {
        var block = 0
        var first = 0
        for segment in segments {
            for start in stride(from: 0, to: segment, by: channelBlock) {
                let channels = first + start..<first + min(segment, start + channelBlock)
                steps.append(.init(operand: operand, block: block, row: row, column: column))
                matrices.append((channels, weight))
                block += 1
            }
            first += segment
        }
    }

    /// Bring the taps of one block together, so that they read the same memory shortly after one another.
    private mutating func sort() {
        let order = steps.indices.sorted {
            (steps[$0].operand, steps[$0].block, $0) < (steps[$1].operand, steps[$1].block, $1)
        }
        steps = order.map { steps[$0] }
        matrices = order.map { matrices[$0] }
    }

    /// A 3×3 kernel, or 1×1.
    ///
    /// - Parameters:
    ///   - weights: outputs × inputs × kernel × kernel, row-major.
    ///   - segments: the channels of each of the images that make up the input; each begins a new block.
    static func square(_ weights: [Float], segments: [Int], kernel: Int) -> ConvolutionPlan {
        let inputs = segments.reduce(0, +)
        var plan = ConvolutionPlan()
        for tap in 0..<kernel * kernel {
            let shift = kernel == 1 ? 1 : 0
            plan.add(operand: 0, segments, row: tap / kernel + shift, column: tap % kernel + shift) { output, input in
                weights[(output * inputs + input) * kernel * kernel + tap]
            }
        }
        plan.sort()
        return plan
    }

    /// Add a 1×1 kernel that reads a second operand.
    func adding(_ weights: [Float], segments: [Int]) -> ConvolutionPlan {
        let inputs = segments.reduce(0, +)
        var plan = self
        plan.add(operand: 1, segments, row: 1, column: 1) { output, input in weights[output * inputs + input] }
        return plan
    }

    /// A 3×3 kernel on an image of twice the size, every pixel repeated twice along both axes, for the output pixels of
    /// one parity: 2×2 sums of weights on the image itself.
    static func doubled(_ weights: [Float], inputs: Int, row: Int, column: Int) -> ConvolutionPlan {
        func taps(_ parity: Int, _ position: Int) -> [Int] {
            parity == 0 ? (position == 0 ? [0] : [1, 2]) : (position == 0 ? [0, 1] : [2])
        }
        var plan = ConvolutionPlan()
        for y in 0..<2 {
            for x in 0..<2 {
                let (rows, columns) = (taps(row, y), taps(column, x))
                plan.add(operand: 0, [inputs], row: row + y, column: column + x) { output, input in
                    var sum: Float = 0
                    for row in rows {
                        for column in columns { sum += weights[(output * inputs + input) * 9 + row * 3 + column] }
                    }
                    return sum
                }
            }
        }
        plan.sort()
        return plan
    }

    /// Pack the weights: [output block][step].
    func pack(outputs: Int, kernel: Kernel) -> ByteBuffer {
        let size = Int(tessera_step_bytes(kernel.code))
        let blocks = channelBlocks(outputs)
        let packed = ByteBuffer(count: blocks * steps.count * size)
        var matrix = [Float](repeating: 0, count: channelBlock * channelBlock)
        for block in 0..<blocks {
            let range = block * channelBlock..<min(outputs, (block + 1) * channelBlock)
            for (index, (channels, weight)) in matrices.enumerated() {
                for i in matrix.indices { matrix[i] = 0 }
                for (k, input) in channels.enumerated() {
                    for (n, output) in range.enumerated() { matrix[k * channelBlock + n] = weight(output, input) }
                }
                tessera_pack(kernel.code, matrix, packed.pointer + (block * steps.count + index) * size)
            }
        }
        return packed
    }
}

extension Convolution {
    /// A layer of a model.
    ///
    /// - Parameter scale: a factor for weights and bias.
    init(
        _ model: ModelFile, _ name: String, segments: [Int], size: Int = 3, stride: Int = 1, scale: Float = 1,
        kernel: Kernel
    ) throws {
        let weights = try model.weights(name + ".weight")
        let bias = try model.weights(name + ".bias")
        self.init(
            .square(scale == 1 ? weights : weights.map { $0 * scale }, segments: segments, kernel: size),
            bias: scale == 1 ? bias : bias.map { $0 * scale }, kernel: kernel,
            placement: Placement(stride: stride))
    }
}

/// A 3×3 convolution of an image that is doubled by repeating pixels, without the doubled image.
///
/// Four convolutions of 2×2 taps, one for each parity of row and column: 4/9 of the work.
struct DoublingConvolution {
    private let parts: [Convolution]

    init(weights: [Float], bias: [Float], inputs: Int, kernel: Kernel) {
        parts = (0..<4).map { part in
            let (row, column) = (part / 2, part % 2)
            return Convolution(
                .doubled(weights, inputs: inputs, row: row, column: column), bias: bias, kernel: kernel,
                placement: .init(scale: 2, row: row, column: column))
        }
    }

    init(_ model: ModelFile, _ name: String, inputs: Int, kernel: Kernel) throws {
        self.init(
            weights: try model.weights(name + ".weight"), bias: try model.weights(name + ".bias"), inputs: inputs,
            kernel: kernel)
    }

    var stepCount: Int { parts[0].stepCount }

    func callAsFunction(_ source: Operand, into target: Image, _ workspace: Workspace) {
        for (index, part) in parts.enumerated() {
            part(source, into: target, part: (index, parts.count), workspace)
        }
    }
}
