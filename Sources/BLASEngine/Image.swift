internal import CKernels

/// The channels that lie together.
let channelBlock = Int(TESSERA_BLOCK)

/// The blocks of 32 that hold so many channels; the last one is filled up with zeros.
func channelBlocks(_ channels: Int) -> Int { (channels + channelBlock - 1) / channelBlock }

/// View an image in fp32, [channel block][row][column][32], in memory that someone else owns.
struct Image {
    let base: UnsafeMutablePointer<Float>
    /// For each block the number of values, their sum and their squared deviations: [block][3][32].
    let moments: UnsafeMutablePointer<Double>
    let channels: Int
    let height: Int
    let width: Int

    var area: Int { height * width }
    var blocks: Int { channelBlocks(channels) }
    /// The floats in all blocks.
    var count: Int { blocks * area * channelBlock }

    func block(_ index: Int) -> UnsafeMutablePointer<Float> { base + index * area * channelBlock }

    subscript(channel: Int, pixel: Int) -> Float {
        get { base[(channel / channelBlock * area + pixel) * channelBlock + channel % channelBlock] }
        nonmutating set {
            base[(channel / channelBlock * area + pixel) * channelBlock + channel % channelBlock] = newValue
        }
    }

    /// The moments of one channel's values.
    func moments(_ channel: Int) -> Moments {
        let block = moments + channel / channelBlock * 3 * channelBlock + channel % channelBlock
        let count = block[0]
        return Moments(
            count: count, mean: count > 0 ? block[channelBlock] / count : 0, deviation: block[2 * channelBlock])
    }

    /// Copy the values, planar: channels × H × W.
    func planar() -> [Float] {
        (0..<channels).flatMap { channel in (0..<area).map { self[channel, $0] } }
    }

    /// Read a planar image whose pixels are regrouped, `ratio`² to a pixel (PyTorch's `pixel_unshuffle`).
    func unshuffle(from planes: UnsafePointer<Float>, ratio: Int) {
        base.update(repeating: 0, count: count)
        let side = width * ratio
        for channel in 0..<channels {
            let (plane, offset) = channel.quotientAndRemainder(dividingBy: ratio * ratio)
            let target = block(channel / channelBlock) + channel % channelBlock
            for y in 0..<height {
                let source = planes + ((plane * height + y) * ratio + offset / ratio) * side + offset % ratio
                let row = target + y * width * channelBlock
                for x in 0..<width { row[x * channelBlock] = source[x * ratio] }
            }
        }
    }

    /// Write a planar image whose pixels the channels hold, `ratio`² to a pixel (PyTorch's `pixel_shuffle`).
    func shuffle(into planes: UnsafeMutablePointer<Float>, ratio: Int) {
        let side = width * ratio
        for channel in 0..<channels {
            let (plane, offset) = channel.quotientAndRemainder(dividingBy: ratio * ratio)
            let source = block(channel / channelBlock) + channel % channelBlock
            for y in 0..<height {
                let row = source + y * width * channelBlock
                let target = planes + ((plane * height + y) * ratio + offset / ratio) * side + offset % ratio
                for x in 0..<width { target[x * ratio] = row[x * channelBlock] }
            }
        }
    }
}

/// One image, or two whose channels follow one another.
struct Joined {
    let first: Image
    let second: Image?

    init(_ first: Image, _ second: Image? = nil) {
        self.first = first
        self.second = second
    }

    var channels: Int { first.channels + (second?.channels ?? 0) }
    var blocks: Int { first.blocks + (second?.blocks ?? 0) }
    var height: Int { first.height }
    var width: Int { first.width }

    func block(_ index: Int) -> UnsafeMutablePointer<Float> {
        if let second, index >= first.blocks { second.block(index - first.blocks) } else { first.block(index) }
    }

    func moments(_ channel: Int) -> Moments {
        if let second, channel >= first.channels {
            second.moments(channel - first.channels)
        } else {
            first.moments(channel)
        }
    }

    /// Where a channel lies in a list of all blocks' channels.
    func position(_ channel: Int) -> Int {
        channel < first.channels ? channel : first.blocks * channelBlock + channel - first.channels
    }
}
