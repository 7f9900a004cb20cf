internal import CKernels
internal import Denoiser

/// The largest of each kind of scratch that any layer asks for.
struct WorkspacePlan {
    /// The sides of the U-Net's levels and of the condition.
    let sides: [Int]
    let coarse: Int

    /// Bytes of operands; floats of images; steps of a convolution; channel blocks; numbers of moments.
    private(set) var operand = 0
    private(set) var raw = 0
    private(set) var hidden = 0
    private(set) var attention = 0
    private(set) var scores = 0
    private(set) var steps = 0
    private(set) var blocks = 1
    private(set) var moments = 0

    private let kernel: Kernel

    init(_ model: ModelConfiguration, kernel: Kernel, window: Int) {
        self.kernel = kernel
        sides = model.widths.indices.map { (window / model.unshuffle) >> $0 }
        coarse = window / model.factor
        let encoder = model.encoder
        hide(model.imageChannels, coarse)
        hide(encoder.growth, coarse)
        read(channelBlocks(model.imageChannels), coarse)
        read(channelBlocks(encoder.channels) + 4 * channelBlocks(encoder.growth), coarse)
        make(max(encoder.channels, encoder.growth), coarse)
        for doubling in 0...model.doublings {
            read(channelBlocks(encoder.channels), coarse << doubling)
            make(encoder.channels, coarse << doubling)
        }
        hide(model.unshuffledChannels, sides[0])
        read(channelBlocks(model.unshuffledChannels), sides[0])
        make(model.unshuffledChannels, sides[0])
        for (level, width) in model.widths.enumerated() {
            let side = sides[level]
            read(2 * channelBlocks(width), side, skip: true)
            hide(width, side)
            make(model.attention[level] ? 3 * width : width, side)
            guard model.attention[level] else { continue }
            attention = max(attention, channelBlocks(3 * width) * channelBlock * side * side)
            scores = max(scores, SelfAttention.scratchCount(positions: side * side, channels: width))
        }
    }

    /// A convolution reads an image.
    private mutating func read(_ blocks: Int, _ side: Int, skip: Bool = false) {
        let size = Operand.size(kernel, blocks: blocks, height: side, width: side)
        operand = max(operand, size)
        if skip { raw = max(raw, size) }
        steps = max(steps, 10 * blocks)
        self.blocks = max(self.blocks, blocks)
    }

    /// The shared intermediate image.
    private mutating func hide(_ channels: Int, _ side: Int) {
        hidden = max(hidden, channelBlocks(channels) * channelBlock * side * side)
    }

    /// A convolution makes an image: in one part, with a stride, or in four parts of half the size.
    private mutating func make(_ channels: Int, _ side: Int) {
        let (whole, half) = (Int32(side), Int32(max(1, side / 2)))
        let chunks = max(
            tessera_chunk_count(whole, whole, 1), tessera_chunk_count(whole, whole, 2),
            4 * tessera_chunk_count(half, half, 1))
        let blocks = channelBlocks(channels)
        self.blocks = max(self.blocks, blocks)
        moments = max(moments, Int(chunks) * blocks * 3 * channelBlock)
    }
}
