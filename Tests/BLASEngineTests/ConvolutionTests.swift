import CKernels
import Foundation
import Testing

@testable import BLASEngine
@testable import Denoiser

/// Every kernel against the definition of a convolution, summed in `Double`.
struct ConvolutionTests {
    struct Case: Sendable, CustomTestStringConvertible {
        /// The channels of the images that make up the input.
        var segments: [Int]
        var outputs: Int
        var height: Int
        var width: Int
        var size = 3
        var stride = 1
        var doubled = false
        var residual = false
        /// The channels of a second input, read by a 1×1 kernel.
        var skip = 0

        var inputs: Int { segments.reduce(0, +) }
        var testDescription: String { "\(segments) → \(outputs), \(height) × \(width), stride \(stride)" }
    }

    static let cases = [
        Case(segments: [1], outputs: 1, height: 1, width: 1),
        Case(segments: [3], outputs: 5, height: 4, width: 7, residual: true),
        Case(segments: [40, 20], outputs: 33, height: 9, width: 33),
        Case(segments: [32, 32], outputs: 64, height: 24, width: 32, residual: true, skip: 40),
        Case(segments: [65], outputs: 17, height: 48, width: 48),
        Case(segments: [5], outputs: 4, height: 6, width: 18, stride: 2),
        Case(segments: [40], outputs: 8, height: 66, width: 66, stride: 2, residual: true),
        Case(segments: [7, 33], outputs: 9, height: 31, width: 35, size: 1, residual: true),
        Case(segments: [34], outputs: 40, height: 3, width: 5, doubled: true),
        Case(segments: [20], outputs: 32, height: 32, width: 48, doubled: true),
    ]

    static let tolerances: [Kernel: Double] = [
        .baseline: 2e-6, .avx2: 2e-6, .avx512: 2e-6, .amxSplit: 1e-5, .amxBF16: 1e-2,
    ]

    @Test(arguments: Kernel.available, cases)
    func agreesWithTheDefinition(_ kernel: Kernel, _ c: Case) throws {
        let workspace = try Self.workspace(kernel)
        let images = ImageStore()
        let (height, width) =
            c.doubled ? (2 * c.height, 2 * c.width) : (c.height / c.stride, c.width / c.stride)
        let weights = Self.draw(c.outputs * c.inputs * c.size * c.size, 6007)
        let skipWeights = Self.draw(c.outputs * c.skip, 3001)
        let bias = Self.draw(c.outputs, 5003).map { $0 + 3 }
        let input = Self.image(images, c.inputs, c.height, c.width, 7919)
        let skip = Self.image(images, max(1, c.skip), c.height, c.width, 2003)
        let target = Self.image(images, c.outputs, height, width, 4001)
        let residual = target.planar()

        let operand = try Self.operand(of: c, input, images, workspace)
        let second = workspace.rawOperand(blocks: skip.blocks, height: c.height, width: c.width)
        second.fill(from: Joined(skip), .identity, workspace)
        let added = c.residual ? target : nil
        if c.doubled {
            let convolution = DoublingConvolution(weights: weights, bias: bias, inputs: c.inputs, kernel: kernel)
            convolution(operand, into: target, workspace)
        } else {
            var plan = ConvolutionPlan.square(weights, segments: c.segments, kernel: c.size)
            if c.skip > 0 { plan = plan.adding(skipWeights, segments: [c.skip]) }
            let convolution = Convolution(plan, bias: bias, kernel: kernel, placement: .init(stride: c.stride))
            convolution(operand, c.skip > 0 ? second : nil, into: target, adding: added, workspace)
        }

        let actual = target.planar()
        let expected = Self.definition(
            c, input, weights: weights, bias: bias, residual: c.residual ? residual : nil, skip, skipWeights)
        #expect(relativeError(actual, expected) < Self.tolerances[kernel] ?? 0)
        for channel in 0..<c.outputs {
            let values = actual[channel * target.area..<(channel + 1) * target.area].map(Double.init)
            let mean = values.reduce(0, +) / Double(values.count)
            let deviation = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
            let moments = target.moments(channel)
            #expect(moments.count == Double(values.count))
            #expect(abs(moments.mean - mean) <= 1e-6 * max(1, abs(mean)))
            #expect(abs(moments.deviation - deviation) <= 1e-5 * deviation + 1e-9)
        }
    }

    /// Operands of several images are filled one after another, as in a network.
    private static func operand(
        of c: Case, _ input: Image, _ images: ImageStore, _ workspace: Workspace
    ) throws -> Operand {
        let blocks = c.segments.reduce(0) { $0 + channelBlocks($1) }
        let operand = workspace.operand(blocks: blocks, height: c.height, width: c.width)
        var first = 0
        var block = 0
        for segment in c.segments {
            let image = images.make(channels: segment, height: c.height, width: c.width)
            for channel in 0..<segment {
                for pixel in 0..<image.area { image[channel, pixel] = input[first + channel, pixel] }
            }
            operand.dropping(block).fill(from: Joined(image), .identity, workspace)
            first += segment
            block += image.blocks
        }
        return operand
    }

    private static func definition(
        _ c: Case, _ input: Image, weights: [Float], bias: [Float], residual: [Float]?, _ skip: Image,
        _ skipWeights: [Float]
    ) -> [Float] {
        let factor = c.doubled ? 2 : 1
        let (height, width) = (c.height * factor / c.stride, c.width * factor / c.stride)
        let reach = c.size / 2
        var expected: [Float] = []
        for o in 0..<c.outputs {
            for y in 0..<height {
                for x in 0..<width {
                    var sum = Double(bias[o])
                    if let residual { sum += Double(residual[(o * height + y) * width + x]) }
                    for i in 0..<c.skip { sum += Double(skipWeights[o * c.skip + i]) * Double(skip[i, y * width + x]) }
                    for ky in 0..<c.size {
                        for kx in 0..<c.size {
                            let (sy, sx) = (y * c.stride + ky - reach, x * c.stride + kx - reach)
                            guard 0..<c.height * factor ~= sy, 0..<c.width * factor ~= sx else { continue }
                            let pixel = sy / factor * c.width + sx / factor
                            for i in 0..<c.inputs {
                                let w = weights[((o * c.inputs + i) * c.size + ky) * c.size + kx]
                                sum += Double(w) * Double(input[i, pixel])
                            }
                        }
                    }
                    expected.append(Float(sum))
                }
            }
        }
        return expected
    }

    static func draw(_ count: Int, _ prime: Int) -> [Float] {
        (0..<count).map { Float(($0 * prime) % 1009) / 1009 - 0.5 }
    }

    static func image(_ images: ImageStore, _ channels: Int, _ height: Int, _ width: Int, _ prime: Int) -> Image {
        let image = images.make(channels: channels, height: height, width: width)
        for (i, value) in draw(channels * image.area, prime).enumerated() {
            image[i / image.area, i % image.area] = value
        }
        return image
    }

    /// Scratch for more than these tests need.
    static func workspace(_ kernel: Kernel) throws -> Workspace {
        let model = try Reference("tiny").model.configuration
        return Workspace(model, kernel: kernel, window: 192, team: Team(threads: 2))
    }
}

/// What is done to an image while it becomes an operand.
struct OperandTests {
    /// Read back by a convolution with the identity, at every pixel of the image.
    @Test(arguments: Kernel.available, [(5, 7), (16, 16), (40, 33)])
    func functionsAgreeWithTheirDefinitions(_ kernel: Kernel, _ size: (height: Int, width: Int)) throws {
        let channels = 40
        let workspace = try ConvolutionTests.workspace(kernel)
        let images = ImageStore()
        let source = ConvolutionTests.image(images, channels, size.height, size.width, 7919)
        let target = images.make(channels: channels, height: size.height, width: size.width)
        var identity = [Float](repeating: 0, count: channels * channels)
        for i in 0..<channels { identity[i * channels + i] = 1 }
        let convolution = Convolution(
            .square(identity, segments: [channels], kernel: 1), bias: [Float](repeating: 0, count: channels),
            kernel: kernel)
        let scale = (0..<64).map { Float($0) - 20 }
        let shift = (0..<64).map { Float($0) / 8 - 4 }
        let raw = workspace.rawOperand(blocks: source.blocks, height: size.height, width: size.width)
        let operand = workspace.operand(blocks: source.blocks, height: size.height, width: size.width)
        let functions: [(Activation, (Double) -> Double)] = [
            (.identity, { $0 }), (.silu, { $0 / (1 + exp(-$0)) }), (.leakyReLU, { $0 < 0 ? 0.2 * $0 : $0 }),
        ]
        for (activation, function) in functions {
            operand.fill(from: Joined(source), activation, factors: scale + shift, raw: raw, workspace)
            for (read, affine) in [(operand, true), (raw, false)] {
                convolution(read, into: target, workspace)
                let expected = (0..<channels).flatMap { channel in
                    (0..<source.area).map { pixel -> Float in
                        let x = Double(source[channel, pixel])
                        return affine ? Float(function(x * Double(scale[channel]) + Double(shift[channel]))) : Float(x)
                    }
                }
                #expect(relativeError(target.planar(), expected) < ConvolutionTests.tolerances[kernel] ?? 0)
            }
        }
    }

    @Test func unshufflingAndShufflingAreInverse() {
        let images = ImageStore()
        let image = images.make(channels: 48, height: 3, width: 5)
        let planes = (0..<3 * 12 * 20).map { Float($0) }
        image.unshuffle(from: planes, ratio: 4)
        // Pixel (1, 2), second of three planes, row 3 and column 1 of the 4 × 4.
        #expect(image[16 + 13, 1 * 5 + 2] == planes[12 * 20 + (4 + 3) * 20 + 8 + 1])
        var back = [Float](repeating: -1, count: planes.count)
        image.shuffle(into: &back, ratio: 4)
        #expect(back == planes)
    }
}
