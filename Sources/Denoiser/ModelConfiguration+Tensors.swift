extension ModelConfiguration {
    /// One tensor of the network: its name in the PyTorch state dictionary, and its shape.
    public struct TensorSpecification: Equatable, Sendable {
        public let name: String
        public let shape: [Int]
    }

    /// Every tensor of the network that the configuration describes, in the order of the PyTorch module.
    public var tensors: [TensorSpecification] {
        var list = TensorList()
        list.encoder(self)
        for index in scalars.indices {
            list.layer("scalars.\(index).0", [embedding, sinusoid])
            list.layer("scalars.\(index).2", [embedding, embedding])
        }
        list.unet(self)
        return list.specifications
    }
}

/// Collects specifications in the module's order.
private struct TensorList {
    var specifications: [ModelConfiguration.TensorSpecification] = []

    /// A weight of any shape and the bias for its first axis.
    mutating func layer(_ name: String, _ shape: [Int]) {
        specifications.append(.init(name: name + ".weight", shape: shape))
        specifications.append(.init(name: name + ".bias", shape: [shape[0]]))
    }

    mutating func convolution(_ name: String, _ inputs: Int, _ outputs: Int, kernel: Int = 3) {
        layer(name, [outputs, inputs, kernel, kernel])
    }

    mutating func encoder(_ configuration: ModelConfiguration) {
        let (channels, growth) = (configuration.encoder.channels, configuration.encoder.growth)
        convolution("encoder.first", configuration.imageChannels, channels)
        for block in 0..<configuration.encoder.blocks {
            for dense in 0..<3 {
                for i in 0..<5 {
                    convolution(
                        "encoder.body.\(block).dense.\(dense).convs.\(i)", channels + i * growth,
                        i == 4 ? channels : growth)
                }
            }
        }
        convolution("encoder.trunk", channels, channels)
        for i in 0..<configuration.doublings { convolution("encoder.up.\(i)", channels, channels) }
        convolution("encoder.last", channels, channels)
    }

    mutating func unet(_ configuration: ModelConfiguration) {
        let widths = configuration.widths
        convolution("unet.input", configuration.unshuffledChannels + configuration.encoder.channels, widths[0])
        for level in widths.indices {
            stage("unet.down.\(level)", configuration, level, doubled: false, blocks: configuration.blocks[level])
        }
        for level in widths.indices.dropLast() {
            convolution("unet.downsample.\(level)", widths[level], widths[level + 1])
        }
        stage("unet.middle", configuration, widths.count - 1, doubled: false, blocks: 2)
        for level in widths.indices {
            stage("unet.up.\(level)", configuration, level, doubled: true, blocks: configuration.blocks[level])
        }
        for level in widths.indices.dropLast() {
            convolution("unet.upsample.\(level)", widths[level + 1], widths[level])
        }
        layer("unet.norm", [widths[0]])
        convolution("unet.output", widths[0], configuration.unshuffledChannels)
    }

    private mutating func stage(
        _ name: String, _ configuration: ModelConfiguration, _ level: Int, doubled: Bool, blocks: Int
    ) {
        let width = configuration.widths[level]
        for block in 0..<blocks {
            residual("\(name).blocks.\(block)", configuration, doubled ? 2 * width : width, width)
        }
        for block in 0..<blocks where configuration.attention[level] {
            let prefix = "\(name).attention.\(block)"
            layer(prefix + ".norm", [width])
            convolution(prefix + ".qkv", width, 3 * width, kernel: 1)
            convolution(prefix + ".projection", width, width, kernel: 1)
        }
    }

    private mutating func residual(
        _ prefix: String, _ configuration: ModelConfiguration, _ inputs: Int, _ outputs: Int
    ) {
        layer(prefix + ".norm1", [inputs])
        convolution(prefix + ".conv1", inputs, outputs)
        layer(prefix + ".modulation", [2 * outputs, configuration.embedding])
        layer(prefix + ".norm2", [outputs])
        convolution(prefix + ".conv2", outputs, outputs)
        if inputs != outputs { convolution(prefix + ".skip", inputs, outputs, kernel: 1) }
    }
}
