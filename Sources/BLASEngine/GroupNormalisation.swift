internal import Denoiser

/// Group normalisation (Wu & He 2018), joined with what follows it.
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

    /// Normalise, scale and shift if there is a modulation, apply SiLU, and pad.
    ///
    /// - Parameter modulation: a scale for each channel, then a shift for each: y·(1 + scale) + shift.
    func applySiLU(
        _ source: Planes, modulation: UnsafePointer<Float>? = nil, into target: PaddedPlanes, _ workspace: Workspace
    ) {
        let factors = self.factors(source, modulation, workspace)
        workspace.team.forEach(channels) { channel, _ in
            target.fill(
                channel, from: source[channel],
                AffineSiLU(scale: factors[channel], shift: factors[channels + channel]))
        }
    }

    /// Normalise only.
    func apply(_ source: Planes, into target: Planes, _ workspace: Workspace) {
        let factors = self.factors(source, nil, workspace)
        workspace.team.forEach(channels) { channel, _ in
            map(
                Affine(scale: factors[channel], shift: factors[channels + channel]), source[channel],
                target[channel], source.area)
        }
    }

    /// Reduce the whole operation to a factor for each channel and a summand for each.
    private func factors(
        _ source: Planes, _ modulation: UnsafePointer<Float>?, _ workspace: Workspace
    ) -> UnsafePointer<Float> {
        assert(source.channels == channels)
        let moments = workspace.moments
        workspace.team.forEach(channels) { channel, _ in
            moments[channel] = Moments(source[channel], count: source.area)
        }
        let factors = workspace.factors.pointer
        let (gain, bias) = (gain.pointer, bias.pointer)
        let size = channels / groups
        for group in 0..<groups {
            var whole = Moments()
            for channel in group * size..<(group + 1) * size { whole.merge(moments[channel]) }
            let inverse = 1 / (whole.deviation / whole.count + Self.epsilon).squareRoot()
            for channel in group * size..<(group + 1) * size {
                var scale = Double(gain[channel]) * inverse
                var shift = Double(bias[channel]) - whole.mean * scale
                if let modulation {
                    let factor = 1 + Double(modulation[channel])
                    scale *= factor
                    shift = shift * factor + Double(modulation[channels + channel])
                }
                factors[channel] = Float(scale)
                factors[channels + channel] = Float(shift)
            }
        }
        return UnsafePointer(factors)
    }
}
