internal import Denoiser

/// Two normalised convolutions inside a residual connection; the embedding scales and shifts the second norm.
///
/// Source: the "adaptive group normalisation" of Dhariwal & Nichol 2021, section 3.
struct ResidualBlock {
    private let norm1: GroupNormalisation
    private let conv1: Convolution
    private let modulation: Linear
    private let norm2: GroupNormalisation
    private let conv2: Convolution
    private let skip: Convolution?

    init(_ model: ModelFile, _ name: String, inputs: Int, outputs: Int) throws {
        norm1 = try GroupNormalisation(model, name + ".norm1", channels: inputs)
        conv1 = try Convolution(model, name + ".conv1", inputs: inputs, outputs: outputs)
        modulation = try Linear(
            model, name + ".modulation", inputs: model.configuration.embedding, outputs: 2 * outputs)
        norm2 = try GroupNormalisation(model, name + ".norm2", channels: outputs)
        conv2 = try Convolution(model, name + ".conv2", inputs: outputs, outputs: outputs)
        skip =
            inputs == outputs
            ? nil : try Convolution(model, name + ".skip", inputs: inputs, outputs: outputs, kernel: 1)
    }

    /// - Parameter embedding: the sum of the scalars' embeddings after SiLU.
    func callAsFunction(
        _ source: Planes, embedding: UnsafePointer<Float>, into target: Planes, _ workspace: Workspace
    ) {
        let (height, width) = (source.height, source.width)
        let hidden = workspace.hidden(channels: target.channels, height: height, width: width)
        let padded = workspace.padded(channels: source.channels, height: height, width: width)
        norm1.applySiLU(source, into: padded, workspace)
        conv1(padded, into: hidden, workspace)
        modulation(embedding, into: workspace.modulation.pointer)
        let activated = workspace.padded(channels: target.channels, height: height, width: width)
        norm2.applySiLU(hidden, modulation: workspace.modulation.pointer, into: activated, workspace)
        skip?(source, into: target, workspace)
        conv2(activated, into: target, adding: skip == nil ? source : target, workspace)
    }
}
