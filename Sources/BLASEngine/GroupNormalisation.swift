internal import Denoiser

/// Group normalisation (Wu & He 2018), joined with what follows it.
///
/// The convolutions that make an image leave its moments, so normalising costs no pass of its own.
struct GroupNormalisation {
    private static let epsilon = 1e-5

    let channels: Int
    private let groups: Int
    private let gain: FloatBuffer
    private let bias: FloatBuffer

    init(_ model: ModelFile, _ name: String, channels: Int) throws {
        self.channels = channels
        groups = model.configuration.groups
        gain = FloatBuffer(try model.weights(name + ".weight"))
        bias = FloatBuffer(try model.weights(name + ".bias"))
    }

    /// Normalise, scale and shift if there is a modulation, and apply a function.
    ///
    /// - Parameters:
    ///   - modulation: a scale for each channel, then a shift for each: y·(1 + scale) + shift.
    ///   - raw: receives the source itself.
    func apply(
        _ activation: Activation, _ source: Joined, modulation: UnsafePointer<Float>? = nil, into target: Operand,
        raw: Operand? = nil, _ workspace: Workspace
    ) {
        let factors = factors(source, modulation, workspace)
        target.fill(from: source, activation, factors: factors, raw: raw, workspace)
    }

    /// Reduce the whole operation to a factor for each channel and a summand for each.
    private func factors(
        _ source: Joined, _ modulation: UnsafePointer<Float>?, _ workspace: Workspace
    ) -> UnsafePointer<Float> {
        assert(source.channels == channels)
        let factors = workspace.factors.pointer
        let shifts = factors + source.blocks * channelBlock
        factors.update(repeating: 0, count: 2 * source.blocks * channelBlock)
        let (gain, bias) = (gain.pointer, bias.pointer)
        let size = channels / groups
        for group in 0..<groups {
            var whole = Moments()
            for channel in group * size..<(group + 1) * size { whole.merge(source.moments(channel)) }
            let inverse = 1 / (whole.deviation / whole.count + Self.epsilon).squareRoot()
            for channel in group * size..<(group + 1) * size {
                var scale = Double(gain[channel]) * inverse
                var shift = Double(bias[channel]) - whole.mean * scale
                if let modulation {
                    let factor = 1 + Double(modulation[channel])
                    scale *= factor
                    shift = shift * factor + Double(modulation[channels + channel])
                }
                let position = source.position(channel)
                factors[position] = Float(scale)
                shifts[position] = Float(shift)
            }
        }
        return UnsafePointer(factors)
    }
}
