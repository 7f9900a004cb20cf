internal import Denoiser

/// The RRDBNet that encodes the coarse image (Wang et al. 2018, "ESRGAN", section 3.1).
struct ConditionEncoder {
    private let first: Convolution
    private let body: [[DenseBlock]]
    private let trunk: Convolution
    private let up: [DoublingConvolution]
    private let last: Convolution

    init(_ model: ModelFile, kernel: Kernel) throws {
        let configuration = model.configuration
        let channels = configuration.encoder.channels
        first = try Convolution(model, "encoder.first", segments: [configuration.imageChannels], kernel: kernel)
        body = try (0..<configuration.encoder.blocks).map { block in
            try (0..<3).map { try DenseBlock(model, "encoder.body.\(block).dense.\($0)", kernel: kernel) }
        }
        trunk = try Convolution(model, "encoder.trunk", segments: [channels], kernel: kernel)
        up = try (0..<configuration.doublings).map {
            try DoublingConvolution(model, "encoder.up.\($0)", inputs: channels, kernel: kernel)
        }
        last = try Convolution(model, "encoder.last", segments: [channels], kernel: kernel)
    }

    /// Encode a planar image into `workspace.features`.
    func callAsFunction(_ planes: UnsafePointer<Float>, _ workspace: Workspace) {
        let (x, y, z) = (workspace.coarse[0], workspace.coarse[1], workspace.coarse[2])
        let image = workspace.hidden(
            channels: workspace.imageChannels, height: x.height, width: x.width)
        image.unshuffle(from: planes, ratio: 1)
        first(workspace.operand(of: image), into: x, workspace)
        workspace.probe?("encoder.first", x)
        y.base.update(from: x.base, count: x.count)
        for (index, blocks) in body.enumerated() {
            z.base.update(from: y.base, count: y.count)
            for block in blocks { block(z, workspace) }
            addScaled(y.base, z.base, factor: 0.2, into: y.base, count: y.count)
            workspace.probe?("encoder.body.\(index)", y)
        }
        trunk(workspace.operand(of: y), into: x, adding: x, workspace)
        enlarge(x, workspace)
    }

    private func enlarge(_ coarse: Image, _ workspace: Workspace) {
        var current = coarse
        for (index, (convolution, next)) in zip(up, workspace.doubled).enumerated() {
            let activation = index == 0 ? Activation.identity : .leakyReLU
            convolution(workspace.operand(of: current, activation), into: next, workspace)
            workspace.probe?("encoder.up.\(index)", next)
            current = next
        }
        let activation = up.isEmpty ? Activation.identity : .leakyReLU
        last(workspace.operand(of: current, activation), into: workspace.features, workspace)
        workspace.probe?("encoder.last", workspace.features)
    }
}

/// Five convolutions, each fed by all before it, inside a residual connection scaled by 0.2.
private struct DenseBlock {
    private let channels: Int
    private let growth: Int
    private let convolutions: [Convolution]

    init(_ model: ModelFile, _ name: String, kernel: Kernel) throws {
        let encoder = model.configuration.encoder
        channels = encoder.channels
        growth = encoder.growth
        convolutions = try (0..<5).map { i in
            try Convolution(
                model, "\(name).convs.\(i)",
                segments: [encoder.channels] + [Int](repeating: encoder.growth, count: i), scale: i == 4 ? 0.2 : 1,
                kernel: kernel)
        }
    }

    /// Replace an image by the block's output.
    func callAsFunction(_ image: Image, _ workspace: Workspace) {
        let fresh = workspace.hidden(channels: growth, height: image.height, width: image.width)
        let all = workspace.operand(
            blocks: image.blocks + 4 * fresh.blocks, height: image.height, width: image.width)
        all.fill(from: Joined(image), .identity, workspace)
        for i in 0..<4 {
            convolutions[i](all, into: fresh, workspace)
            all.dropping(image.blocks + i * fresh.blocks).fill(from: Joined(fresh), .leakyReLU, workspace)
        }
        convolutions[4](all, into: image, adding: image, workspace)
    }
}
