internal import Denoiser

/// Two normalised convolutions inside a residual connection; the embedding scales and shifts the second norm.
///
/// Source: the "adaptive group normalisation" of Dhariwal & Nichol 2021, section 3. Where the residual connection is a
/// 1×1 convolution, it is summed together with the second 3×3 one.
struct ResidualBlock {
    private let norm1: GroupNormalisation
    private let conv1: Convolution
    private let modulation: Linear
    private let norm2: GroupNormalisation
    private let conv2: Convolution
    private let hasSkip: Bool

    /// - Parameter inputs: the channels of the image, or of the two images that follow one another.
    init(_ model: ModelFile, _ name: String, inputs: [Int], outputs: Int, kernel: Kernel) throws {
        let channels = inputs.reduce(0, +)
        norm1 = try GroupNormalisation(model, name + ".norm1", channels: channels)
        conv1 = try Convolution(model, name + ".conv1", segments: inputs, kernel: kernel)
        modulation = try Linear(
            model, name + ".modulation", inputs: model.configuration.embedding, outputs: 2 * outputs)
        norm2 = try GroupNormalisation(model, name + ".norm2", channels: outputs)
        hasSkip = channels != outputs
        var plan = ConvolutionPlan.square(
            try model.weights(name + ".conv2.weight"), segments: [outputs], kernel: 3)
        var bias = try model.weights(name + ".conv2.bias")
        if hasSkip {
            plan = plan.adding(try model.weights(name + ".skip.weight"), segments: inputs)
            bias = zip(bias, try model.weights(name + ".skip.bias")).map { $0 + $1 }
        }
        conv2 = Convolution(plan, bias: bias, kernel: kernel)
    }

    /// - Parameter embedding: the sum of the scalars' embeddings after SiLU.
    func callAsFunction(
        _ source: Joined, embedding: UnsafePointer<Float>, into target: Image, _ workspace: Workspace
    ) {
        let (height, width) = (source.height, source.width)
        let hidden = workspace.hidden(channels: target.channels, height: height, width: width)
        let operand = workspace.operand(blocks: source.blocks, height: height, width: width)
        let raw = hasSkip ? workspace.rawOperand(blocks: source.blocks, height: height, width: width) : nil
        norm1.apply(.silu, source, into: operand, raw: raw, workspace)
        conv1(operand, into: hidden, workspace)
        modulation(embedding, into: workspace.modulation.pointer)
        let activated = workspace.operand(blocks: target.blocks, height: height, width: width)
        norm2.apply(.silu, Joined(hidden), modulation: workspace.modulation.pointer, into: activated, workspace)
        conv2(activated, raw, into: target, adding: hasSkip ? nil : source.first, workspace)
    }
}
