internal import Denoiser

/// The U-Net over pixel-unshuffled images, with one skip connection for each residual block.
///
/// The input convolution is linear in the image and in the encoder's features, so the features' share is computed once
/// for a trajectory (``condition(_:into:_:)``).
struct UNet {
    private let unshuffle: Int
    private let inputImage: Convolution
    private let inputFeatures: Convolution
    private let down: [Stage]
    private let downsample: [Convolution]
    private let middle: Stage
    private let up: [Stage]
    private let upsample: [Convolution]
    private let norm: GroupNormalisation
    private let output: Convolution

    init(_ model: ModelFile) throws {
        let configuration = model.configuration
        let widths = configuration.widths
        unshuffle = configuration.unshuffle
        (inputImage, inputFeatures) = try Self.splitInput(model)
        down = try widths.indices.map { try Stage(model, "unet.down.\($0)", level: $0, inputs: widths[$0]) }
        downsample = try widths.indices.dropLast().map {
            try Convolution(model, "unet.downsample.\($0)", inputs: widths[$0], outputs: widths[$0 + 1])
        }
        let deepest = widths.count - 1
        middle = try Stage(model, "unet.middle", level: deepest, inputs: widths[deepest], blocks: 2)
        up = try widths.indices.map { try Stage(model, "unet.up.\($0)", level: $0, inputs: 2 * widths[$0]) }
        upsample = try widths.indices.dropLast().map {
            try Convolution(model, "unet.upsample.\($0)", inputs: widths[$0 + 1], outputs: widths[$0])
        }
        norm = try GroupNormalisation(model, "unet.norm", channels: widths[0])
        output = try Convolution(
            model, "unet.output", inputs: widths[0], outputs: configuration.unshuffledChannels)
    }

    /// Split the input convolution between the image (without bias) and the features (with it).
    private static func splitInput(_ model: ModelFile) throws -> (Convolution, Convolution) {
        let pixels = model.configuration.unshuffledChannels
        let channels = model.configuration.encoder.channels
        let outputs = model.configuration.widths[0]
        let weights = try model.weights("unet.input.weight")
        let bias = try model.weights("unet.input.bias")
        let row = 9 * (pixels + channels)
        var shares: (image: [Float], features: [Float]) = ([], [])
        for output in 0..<outputs {
            shares.image += weights[output * row..<output * row + 9 * pixels]
            shares.features += weights[output * row + 9 * pixels..<(output + 1) * row]
        }
        return (
            Convolution(
                weights: shares.image, bias: [Float](repeating: 0, count: outputs), inputs: pixels, outputs: outputs,
                kernel: 3),
            Convolution(weights: shares.features, bias: bias, inputs: channels, outputs: outputs, kernel: 3)
        )
    }

    /// Compute the features' share of the input convolution.
    func condition(_ features: Planes, into target: Planes, _ workspace: Workspace) {
        let padded = workspace.padded(channels: features.channels, height: features.height, width: features.width)
        workspace.team.forEach(features.channels) { channel, _ in
            padded.fill(channel, from: features[channel], Copying())
        }
        inputFeatures(padded, into: target, workspace)
    }

    /// Run one step.
    ///
    /// - Parameters:
    ///   - condition: what ``condition(_:into:_:)`` made.
    ///   - embedding: the sum of the scalars' embeddings after SiLU.
    func callAsFunction(
        _ image: UnsafePointer<Float>, condition: Planes, embedding: UnsafePointer<Float>,
        into target: UnsafeMutablePointer<Float>, _ workspace: Workspace
    ) {
        let flow = workspace.flow
        let pixels = workspace.padded(channels: inputImage.inputs, height: flow[0].height, width: flow[0].width)
        pixels.fillUnshuffled(from: image, ratio: unshuffle)
        inputImage(pixels, into: flow[0], adding: condition, workspace)
        workspace.probe?("unet.input", flow[0])
        descend(embedding, workspace)
        ascend(embedding, workspace)

        let activated = workspace.padded(channels: output.inputs, height: flow[0].height, width: flow[0].width)
        norm.applySiLU(flow[0], into: activated, workspace)
        let result = workspace.hidden(channels: output.outputs, height: flow[0].height, width: flow[0].width)
        output(activated, into: result, workspace)
        workspace.probe?("unet.output", result)
        result.shuffle(into: target, ratio: unshuffle)
    }

    /// The down path and the middle; the result lies in the first half of the deepest level's last skip image.
    private func descend(_ embedding: UnsafePointer<Float>, _ workspace: Workspace) {
        let flow = workspace.flow
        var current = flow[0]
        for level in down.indices {
            if level > 0 {
                let padded = workspace.padded(
                    channels: current.channels, height: current.height, width: current.width)
                workspace.team.forEach(current.channels) { channel, _ in
                    padded.fill(channel, from: current[channel], Copying())
                }
                downsample[level - 1](padded, into: flow[level], stride: 2, workspace)
                workspace.probe?("unet.downsample.\(level - 1)", flow[level])
                current = flow[level]
            }
            for (block, skip) in workspace.skips[level].enumerated() {
                let width = flow[level].channels
                let target = skip.channels(width..<2 * width)
                down[level].step(block, current, embedding: embedding, into: target, workspace)
                current = target
            }
        }
        let deepest = down.count - 1
        middle.step(0, current, embedding: embedding, into: flow[deepest], workspace)
        let target = workspace.skips[deepest][workspace.skips[deepest].count - 1].channels(0..<current.channels)
        middle.step(1, flow[deepest], embedding: embedding, into: target, workspace)
    }

    /// The up path; the result lies in `workspace.flow[0]`.
    private func ascend(_ embedding: UnsafePointer<Float>, _ workspace: Workspace) {
        for level in up.indices.reversed() {
            let result = workspace.flow[level]
            let skips = workspace.skips[level]
            for block in skips.indices {
                let position = skips.count - 1 - block
                let target = position > 0 ? skips[position - 1].channels(0..<result.channels) : result
                up[level].step(block, skips[position], embedding: embedding, into: target, workspace)
            }
            guard level > 0 else { break }
            let finer = workspace.skips[level - 1]
            let target = finer[finer.count - 1].channels(0..<workspace.flow[level - 1].channels)
            let padded = workspace.padded(channels: result.channels, height: target.height, width: target.width)
            workspace.team.forEach(result.channels) { channel, _ in
                padded.fillDoubled(channel, from: result[channel])
            }
            upsample[level - 1](padded, into: target, workspace)
            workspace.probe?("unet.upsample.\(level - 1)", target)
        }
    }
}

/// The residual and attention blocks of one level.
private struct Stage {
    private let name: String
    private let blocks: [ResidualBlock]
    private let attention: [SelfAttention]

    init(_ model: ModelFile, _ name: String, level: Int, inputs: Int, blocks: Int? = nil) throws {
        let configuration = model.configuration
        let width = configuration.widths[level]
        let count = blocks ?? configuration.blocks[level]
        self.name = name
        self.blocks = try (0..<count).map {
            try ResidualBlock(model, "\(name).blocks.\($0)", inputs: inputs, outputs: width)
        }
        attention = try (0..<(configuration.attention[level] ? count : 0)).map {
            try SelfAttention(model, "\(name).attention.\($0)", channels: width)
        }
    }

    func step(
        _ index: Int, _ source: Planes, embedding: UnsafePointer<Float>, into target: Planes, _ workspace: Workspace
    ) {
        blocks[index](source, embedding: embedding, into: target, workspace)
        workspace.probe?("\(name).blocks.\(index)", target)
        if !attention.isEmpty {
            attention[index](target, workspace)
            workspace.probe?("\(name).attention.\(index)", target)
        }
    }
}
