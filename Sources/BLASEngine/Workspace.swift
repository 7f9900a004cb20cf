internal import Denoiser

/// Memory for one window's way through the network, planned once for a window size and reused for every step.
final class Workspace {
    /// Who shares the work on this window.
    var team: Team
    /// Receives a layer's name and output, for comparisons layer by layer.
    var probe: ((String, Planes) -> Void)?

    /// Scratch for each lane of the widest team: input patches, attention scores.
    let columns: [FloatBuffer]
    let scores: [FloatBuffer]
    let moments: UnsafeMutablePointer<Moments>
    let factors: FloatBuffer
    let modulation: FloatBuffer
    let embedding: FloatBuffer

    /// For every level, a stage's input and final output.
    let flow: [Planes]
    /// For every level and block, the up path's input: what comes from below, then what the down path left there.
    let skips: [[Planes]]
    /// The encoder's images: three of the condition's size, then one for every doubling, then the features.
    let coarse: [Planes]
    let doubled: [Planes]
    let features: Planes

    private let paddedBuffer: FloatBuffer
    private let hiddenBuffer: FloatBuffer
    private let attentionBuffer: FloatBuffer
    private let owned: [FloatBuffer]

    init(_ model: ModelConfiguration, window: Int, team: Team) {
        self.team = team
        var owned: [FloatBuffer] = []
        func planes(_ channels: Int, _ side: Int) -> Planes {
            let buffer = FloatBuffer(count: Planes.count(channels: channels, height: side, width: side))
            owned.append(buffer)
            return Planes(base: buffer.pointer, channels: channels, height: side, width: side)
        }
        let sides = model.widths.indices.map { (window / model.unshuffle) >> $0 }
        flow = zip(model.widths, sides).map { planes($0, $1) }
        skips = model.widths.indices.map { level in
            (0..<model.blocks[level]).map { _ in planes(2 * model.widths[level], sides[level]) }
        }
        let channels = model.encoder.channels
        let side = window / model.factor
        coarse = (0..<3).map { _ in planes(channels, side) }
        doubled = (0..<model.doublings).map { planes(channels, side << ($0 + 1)) }
        features = planes(channels, sides[0])
        self.owned = owned

        let sizes = Sizes(model, sides: sides, coarse: side)
        paddedBuffer = FloatBuffer(count: sizes.padded)
        hiddenBuffer = FloatBuffer(count: sizes.hidden)
        attentionBuffer = FloatBuffer(count: sizes.attention)
        columns = (0..<team.lanes).map { _ in
            FloatBuffer(count: Convolution.scratchCount(maximumWidth: max(sides[0], side)))
        }
        scores = (0..<team.lanes).map { _ in FloatBuffer(count: sizes.scores) }
        let widest = 2 * (model.widths.max() ?? 1)
        moments = .allocate(capacity: widest)
        moments.initialize(repeating: Moments(), count: widest)
        factors = FloatBuffer(count: 2 * widest)
        modulation = FloatBuffer(count: widest)
        embedding = FloatBuffer(count: model.embedding)
    }

    deinit {
        moments.deallocate()
    }

    /// The one padded image; asking again reuses its memory.
    func padded(channels: Int, height: Int, width: Int) -> PaddedPlanes {
        precondition(PaddedPlanes.count(channels: channels, height: height, width: width) <= paddedBuffer.count)
        return PaddedPlanes(base: paddedBuffer.pointer, channels: channels, height: height, width: width)
    }

    /// The one intermediate image; asking again reuses its memory.
    func hidden(channels: Int, height: Int, width: Int) -> Planes {
        precondition(Planes.count(channels: channels, height: height, width: width) <= hiddenBuffer.count)
        return Planes(base: hiddenBuffer.pointer, channels: channels, height: height, width: width)
    }

    /// The queries, keys and values of attention.
    func attention(channels: Int, height: Int, width: Int) -> Planes {
        precondition(Planes.count(channels: channels, height: height, width: width) <= attentionBuffer.count)
        return Planes(base: attentionBuffer.pointer, channels: channels, height: height, width: width)
    }
}

/// The largest scratch that any layer asks for.
private struct Sizes {
    var padded = 0
    var hidden = 0
    var attention = 0
    var scores = 0

    init(_ model: ModelConfiguration, sides: [Int], coarse: Int) {
        let (channels, growth) = (model.encoder.channels, model.encoder.growth)
        pad(max(model.imageChannels, channels + 4 * growth), coarse)
        for doubling in 0...model.doublings { pad(channels, coarse << doubling) }
        hide(growth, coarse)
        pad(model.unshuffledChannels, sides[0])
        hide(model.unshuffledChannels, sides[0])
        for (level, width) in model.widths.enumerated() {
            pad(2 * width, sides[level])
            if level > 0 { pad(width, sides[level - 1]) }
            hide(width, sides[level])
            if model.attention[level] {
                let area = sides[level] * sides[level]
                attention = max(
                    attention, Planes.count(channels: 3 * width, height: sides[level], width: sides[level]))
                scores = max(scores, SelfAttention.scratchCount(positions: area))
            }
        }
    }

    private mutating func pad(_ channels: Int, _ side: Int) {
        padded = max(padded, PaddedPlanes.count(channels: channels, height: side, width: side))
    }

    private mutating func hide(_ channels: Int, _ side: Int) {
        hidden = max(hidden, Planes.count(channels: channels, height: side, width: side))
    }
}
