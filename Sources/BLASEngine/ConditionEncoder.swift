internal import Denoiser

/// The RRDBNet that encodes the coarse image (Wang et al. 2018, "ESRGAN", section 3.1).
struct ConditionEncoder {
    private let first: Convolution
    private let body: [[DenseBlock]]
    private let trunk: Convolution
    private let up: [Convolution]
    private let last: Convolution

    init(_ model: ModelFile) throws {
        let configuration = model.configuration
        let channels = configuration.encoder.channels
        first = try Convolution(model, "encoder.first", inputs: configuration.imageChannels, outputs: channels)
        body = try (0..<configuration.encoder.blocks).map { block in
            try (0..<3).map { try DenseBlock(model, "encoder.body.\(block).dense.\($0)") }
        }
        trunk = try Convolution(model, "encoder.trunk", inputs: channels, outputs: channels)
        up = try (0..<configuration.doublings).map {
            try Convolution(model, "encoder.up.\($0)", inputs: channels, outputs: channels)
        }
        last = try Convolution(model, "encoder.last", inputs: channels, outputs: channels)
    }

    /// Encode a planar image into `workspace.features`.
    func callAsFunction(_ image: UnsafePointer<Float>, _ workspace: Workspace) {
        let (x, y, z) = (workspace.coarse[0], workspace.coarse[1], workspace.coarse[2])
        let side = x.width
        let padded = workspace.padded(channels: first.inputs, height: side, width: side)
        for channel in 0..<first.inputs { padded.fill(channel, from: image + channel * x.area, Copying()) }
        first(padded, into: x, workspace)
        workspace.probe?("encoder.first", x)
        Self.copy(x, into: y, workspace)
        for (index, blocks) in body.enumerated() {
            Self.copy(y, into: z, workspace)
            for block in blocks { block(z, workspace) }
            workspace.team.forEach(y.channels) { channel, _ in
                addScaled(y[channel], z[channel], factor: 0.2, into: y[channel], count: y.area)
            }
            workspace.probe?("encoder.body.\(index)", y)
        }
        trunk(Self.pad(y, workspace), into: x, adding: x, workspace)
        enlarge(x, workspace)
    }

    private func enlarge(_ coarse: Planes, _ workspace: Workspace) {
        var current = coarse
        for (index, (convolution, next)) in zip(up, workspace.doubled).enumerated() {
            let padded = workspace.padded(channels: current.channels, height: next.height, width: next.width)
            workspace.team.forEach(current.channels) { channel, _ in
                padded.fillDoubled(channel, from: current[channel])
            }
            convolution(padded, into: next, workspace)
            workspace.probe?("encoder.up.\(index)", next)
            Self.activate(next, workspace)
            current = next
        }
        last(Self.pad(current, workspace), into: workspace.features, workspace)
        workspace.probe?("encoder.last", workspace.features)
        Self.activate(workspace.features, workspace)
        workspace.probe?("encode", workspace.features)
    }

    private static func activate(_ planes: Planes, _ workspace: Workspace) {
        workspace.team.forEach(planes.channels) { channel, _ in
            map(LeakyReLU(), planes[channel], planes[channel], planes.area)
        }
    }

    private static func copy(_ source: Planes, into target: Planes, _ workspace: Workspace) {
        workspace.team.forEach(source.channels) { channel, _ in
            target[channel].update(from: source[channel], count: source.area)
        }
    }

    private static func pad(_ source: Planes, _ workspace: Workspace) -> PaddedPlanes {
        let padded = workspace.padded(channels: source.channels, height: source.height, width: source.width)
        workspace.team.forEach(source.channels) { channel, _ in
            padded.fill(channel, from: source[channel], Copying())
        }
        return padded
    }
}

/// Five convolutions, each fed by all before it, inside a residual connection scaled by 0.2.
private struct DenseBlock {
    private let channels: Int
    private let growth: Int
    private let convolutions: [Convolution]

    init(_ model: ModelFile, _ name: String) throws {
        let encoder = model.configuration.encoder
        channels = encoder.channels
        growth = encoder.growth
        convolutions = try (0..<5).map { i in
            try Convolution(
                model, "\(name).convs.\(i)", inputs: encoder.channels + i * encoder.growth,
                outputs: i == 4 ? encoder.channels : encoder.growth, scale: i == 4 ? 0.2 : 1)
        }
    }

    /// Replace an image by the block's output.
    func callAsFunction(_ image: Planes, _ workspace: Workspace) {
        let (height, width) = (image.height, image.width)
        let all = workspace.padded(channels: channels + 4 * growth, height: height, width: width)
        let fresh = workspace.hidden(channels: growth, height: height, width: width)
        workspace.team.forEach(channels) { channel, _ in all.fill(channel, from: image[channel], Copying()) }
        for i in 0..<4 {
            let known = channels + i * growth
            convolutions[i](all.channels(0..<known), into: fresh, workspace)
            workspace.team.forEach(growth) { channel, _ in
                all.fill(known + channel, from: fresh[channel], LeakyReLU())
            }
        }
        convolutions[4](all, into: image, adding: image, workspace)
    }
}
