internal import CKernels
internal import Denoiser

/// Memory for one window's way through the network, planned once for a window size and reused for every step.
final class Workspace {
    /// Who shares the work on this window.
    var team: Team
    /// Receives a layer's name and output, for comparisons layer by layer.
    var probe: ((String, Image) -> Void)?

    let imageChannels: Int
    let maximumSteps: Int
    let offsets: UnsafeMutablePointer<Int64>
    /// A scale of 1 for 32 channels, and a shift of 0.
    let neutral: FloatBuffer
    let factors: FloatBuffer
    let modulation: FloatBuffer
    let embedding: FloatBuffer
    /// Scratch of attention: queries, keys and values by head, and a block's scores for each lane.
    let attentionRows: FloatBuffer
    let scores: [FloatBuffer]

    /// For every level, two images in turn.
    let flow: [(a: Image, b: Image)]
    /// For every level and block, what the down path leaves for the up path.
    let skips: [[Image]]
    /// The encoder's images: three of the condition's size, then one for every doubling, then the features.
    let coarse: [Image]
    let doubled: [Image]
    let features: Image

    private let kernel: Kernel
    private let plan: WorkspacePlan
    private let parts: UnsafeMutablePointer<Double>
    private let scratchMoments: UnsafeMutablePointer<Double>
    private let operandBytes: ByteBuffer
    private let rawBytes: ByteBuffer
    private let hiddenFloats: FloatBuffer
    private let attentionFloats: FloatBuffer
    private let images: ImageStore

    init(_ model: ModelConfiguration, kernel: Kernel, window: Int, team: Team) {
        self.team = team
        self.kernel = kernel
        imageChannels = model.imageChannels
        let plan = WorkspacePlan(model, kernel: kernel, window: window)
        self.plan = plan
        let images = ImageStore()
        self.images = images
        flow = zip(model.widths, plan.sides).map {
            (a: images.make(channels: $0, side: $1), b: images.make(channels: $0, side: $1))
        }
        skips = model.widths.indices.map { level in
            (0..<model.blocks[level]).map { _ in images.make(channels: model.widths[level], side: plan.sides[level]) }
        }
        let channels = model.encoder.channels
        coarse = (0..<3).map { _ in images.make(channels: channels, side: plan.coarse) }
        doubled = (0..<model.doublings).map { images.make(channels: channels, side: plan.coarse << ($0 + 1)) }
        features = images.make(channels: channels, side: plan.sides[0])

        operandBytes = ByteBuffer(count: plan.operand)
        rawBytes = ByteBuffer(count: plan.raw)
        hiddenFloats = FloatBuffer(count: plan.hidden)
        attentionFloats = FloatBuffer(count: plan.attention)
        attentionRows = FloatBuffer(count: plan.attention)
        scores = (0..<team.lanes).map { _ in FloatBuffer(count: plan.scores) }
        maximumSteps = plan.steps
        offsets = .allocate(capacity: plan.steps)
        parts = .allocate(capacity: plan.moments)
        let size = 3 * channelBlock * plan.blocks
        scratchMoments = .allocate(capacity: 2 * size)
        scratchMoments.initialize(repeating: 0, count: 2 * size)
        neutral = FloatBuffer([Float](repeating: 1, count: channelBlock) + [Float](repeating: 0, count: channelBlock))
        factors = FloatBuffer(count: 2 * channelBlock * plan.blocks)
        modulation = FloatBuffer(count: 2 * (model.widths.max() ?? 1))
        embedding = FloatBuffer(count: model.embedding)
    }

    deinit {
        offsets.deallocate()
        parts.deallocate()
        scratchMoments.deallocate()
    }

    /// The one operand; asking again reuses its memory.
    func operand(blocks: Int, height: Int, width: Int) -> Operand {
        precondition(Operand.size(kernel, blocks: blocks, height: height, width: width) <= operandBytes.count)
        return Operand(base: operandBytes.pointer, kernel: kernel, blocks: blocks, height: height, width: width)
    }

    /// The one operand of residual connections; asking again reuses its memory.
    func rawOperand(blocks: Int, height: Int, width: Int) -> Operand {
        precondition(Operand.size(kernel, blocks: blocks, height: height, width: width) <= rawBytes.count)
        return Operand(base: rawBytes.pointer, kernel: kernel, blocks: blocks, height: height, width: width)
    }

    /// The one intermediate image; asking again reuses its memory.
    func hidden(channels: Int, height: Int, width: Int) -> Image {
        let image = Image(
            base: hiddenFloats.pointer, moments: scratchMoments, channels: channels, height: height, width: width)
        precondition(image.count <= hiddenFloats.count)
        return image
    }

    /// The queries, keys and values of attention.
    func attentionImage(channels: Int, height: Int, width: Int) -> Image {
        let image = Image(
            base: attentionFloats.pointer, moments: scratchMoments + 3 * channelBlock * plan.blocks,
            channels: channels, height: height, width: width)
        precondition(image.count <= attentionFloats.count)
        return image
    }

    /// The moments of a convolution's chunks: [chunk][block][3][32].
    func moments(chunks: Int, blocks: Int) -> UnsafeMutablePointer<Double> {
        precondition(chunks * blocks * 3 * channelBlock <= plan.moments)
        return parts
    }
}

/// Makes images that live as long as the store.
final class ImageStore {
    private var floats: [FloatBuffer] = []
    private var moments: [UnsafeMutablePointer<Double>] = []

    func make(channels: Int, height: Int, width: Int) -> Image {
        let blocks = channelBlocks(channels)
        let buffer = FloatBuffer(count: blocks * height * width * channelBlock)
        let moments = UnsafeMutablePointer<Double>.allocate(capacity: 3 * blocks * channelBlock)
        moments.initialize(repeating: 0, count: 3 * blocks * channelBlock)
        floats.append(buffer)
        self.moments.append(moments)
        return Image(base: buffer.pointer, moments: moments, channels: channels, height: height, width: width)
    }

    func make(channels: Int, side: Int) -> Image { make(channels: channels, height: side, width: side) }

    deinit {
        for pointer in moments { pointer.deallocate() }
    }
}
