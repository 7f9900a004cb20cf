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
    private let upsample: [DoublingConvolution]
    private let norm: GroupNormalisation
    private let output: Convolution

    init(_ model: ModelFile, kernel: Kernel) throws {
        let configuration = model.configuration
        let widths = configuration.widths
        unshuffle = configuration.unshuffle
        (inputImage, inputFeatures) = try Self.splitInput(model, kernel)
        down = try widths.indices.map {
            try Stage(model, "unet.down.\($0)", level: $0, inputs: [widths[$0]], kernel: kernel)
        }
        downsample = try widths.indices.dropLast().map {
            try Convolution(model, "unet.downsample.\($0)", segments: [widths[$0]], stride: 2, kernel: kernel)
        }
        let deepest = widths.count - 1
        middle = try Stage(
            model, "unet.middle", level: deepest, inputs: [widths[deepest]], blocks: 2, kernel: kernel)
        up = try widths.indices.map {
            try Stage(model, "unet.up.\($0)", level: $0, inputs: [widths[$0], widths[$0]], kernel: kernel)
        }
        upsample = try widths.indices.dropLast().map {
            try DoublingConvolution(model, "unet.upsample.\($0)", inputs: widths[$0 + 1], kernel: kernel)
        }
        norm = try GroupNormalisation(model, "unet.norm", channels: widths[0])
        output = try Convolution(model, "unet.output", segments: [widths[0]], kernel: kernel)
    }

    /// Split the input convolution between the image (without bias) and the features (with it).
    private static func splitInput(_ model: ModelFile, _ kernel: Kernel) throws -> (Convolution, Convolution) {
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
                .square(shares.image, segments: [pixels], kernel: 3), bias: [Float](repeating: 0, count: outputs),
                kernel: kernel),
            Convolution(.square(shares.features, segments: [channels], kernel: 3), bias: bias, kernel: kernel)
        )
    }

    /// Compute the features' share of the input convolution from the encoder's last layer.
    func condition(_ features: Image, into target: Image, _ workspace: Workspace) {
        inputFeatures(workspace.operand(of: features, .leakyReLU), into: target, workspace)
    }

    /// Run one step.
    ///
    /// - Parameters:
    ///   - condition: what ``condition(_:into:_:)`` made.
    ///   - embedding: the sum of the scalars' embeddings after SiLU.
    func callAsFunction(
        _ image: UnsafePointer<Float>, condition: Image, embedding: UnsafePointer<Float>,
        into target: UnsafeMutablePointer<Float>, _ workspace: Workspace
    ) {
        let first = workspace.flow[0].a
        let pixels = workspace.hidden(channels: output.outputs, height: first.height, width: first.width)
        pixels.unshuffle(from: image, ratio: unshuffle)
        inputImage(workspace.operand(of: pixels), into: first, adding: condition, workspace)
        workspace.probe?("unet.input", first)
        descend(embedding, workspace)
        let last = ascend(embedding, workspace)

        let operand = workspace.operand(blocks: last.blocks, height: last.height, width: last.width)
        norm.apply(.silu, Joined(last), into: operand, workspace)
        output(operand, into: pixels, workspace)
        workspace.probe?("unet.output", pixels)
        pixels.shuffle(into: target, ratio: unshuffle)
    }

    /// The down path and the middle; the result lies in the deepest level's `b`.
    private func descend(_ embedding: UnsafePointer<Float>, _ workspace: Workspace) {
        var current = workspace.flow[0].a
        for level in down.indices {
            if level > 0 {
                let next = workspace.flow[level].a
                downsample[level - 1](workspace.operand(of: current), into: next, workspace)
                workspace.probe?("unet.downsample.\(level - 1)", next)
                current = next
            }
            for (block, skip) in workspace.skips[level].enumerated() {
                down[level].step(block, Joined(current), embedding: embedding, into: skip, workspace)
                current = skip
            }
        }
        let flow = workspace.flow[down.count - 1]
        middle.step(0, Joined(current), embedding: embedding, into: flow.a, workspace)
        middle.step(1, Joined(flow.a), embedding: embedding, into: flow.b, workspace)
    }

    /// The up path; returns the finest level's result.
    private func ascend(_ embedding: UnsafePointer<Float>, _ workspace: Workspace) -> Image {
        var current = workspace.flow[up.count - 1].b
        var free = workspace.flow[up.count - 1].a
        for level in up.indices.reversed() {
            let skips = workspace.skips[level]
            for block in skips.indices {
                let source = Joined(current, skips[skips.count - 1 - block])
                up[level].step(block, source, embedding: embedding, into: free, workspace)
                swap(&current, &free)
            }
            guard level > 0 else { break }
            let finer = workspace.flow[level - 1]
            upsample[level - 1](workspace.operand(of: current), into: finer.a, workspace)
            workspace.probe?("unet.upsample.\(level - 1)", finer.a)
            (current, free) = (finer.a, finer.b)
        }
        return current
    }
}

/// The residual and attention blocks of one level.
private struct Stage {
    private let name: String
    private let blocks: [ResidualBlock]
    private let attention: [SelfAttention]

    init(
        _ model: ModelFile, _ name: String, level: Int, inputs: [Int], blocks: Int? = nil, kernel: Kernel
    ) throws {
        let configuration = model.configuration
        let width = configuration.widths[level]
        let count = blocks ?? configuration.blocks[level]
        self.name = name
        self.blocks = try (0..<count).map {
            try ResidualBlock(model, "\(name).blocks.\($0)", inputs: inputs, outputs: width, kernel: kernel)
        }
        attention = try (0..<(configuration.attention[level] ? count : 0)).map {
            try SelfAttention(model, "\(name).attention.\($0)", channels: width, kernel: kernel)
        }
    }

    func step(
        _ index: Int, _ source: Joined, embedding: UnsafePointer<Float>, into target: Image, _ workspace: Workspace
    ) {
        blocks[index](source, embedding: embedding, into: target, workspace)
        workspace.probe?("\(name).blocks.\(index)", target)
        if !attention.isEmpty {
            attention[index](target, workspace)
            workspace.probe?("\(name).attention.\(index)", target)
        }
    }
}
