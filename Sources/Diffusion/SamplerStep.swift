/// One step of a sampler as the linear map it is.
///
/// Both samplers and both predictions are linear in the noisy image x, the network's output m, the clean image the
/// step before predicted, and fresh noise z: x' = sample·x + output·m + history·x̂₀ + noise·z.
public struct SamplerStep: Hashable, Sendable {
    /// The training step the network is told.
    public let timestep: Int
    public let sample: Float
    public let output: Float
    public let history: Float
    public let noise: Float
    /// The predicted clean image is x̂₀ = cleanSample·x + cleanOutput·m.
    public let cleanSample: Float
    public let cleanOutput: Float
}

/// Image and noise amplitudes at one noise level: x = alpha·x_0 + sigma·ε.
struct NoiseLevel {
    var alpha: Double
    var sigma: Double

    static let clean = NoiseLevel(alpha: 1, sigma: 0)

    init(alphaBar: Double) {
        alpha = alphaBar.squareRoot()
        sigma = (1 - alphaBar).squareRoot()
    }

    private init(alpha: Double, sigma: Double) {
        self.alpha = alpha
        self.sigma = sigma
    }

    /// λ = ln(α / σ), half the logarithm of the signal-to-noise ratio.
    var lambda: Double { portableLog(alpha / sigma) }
}

/// The clean image and the noise that a network's output implies, as linear functions of x and of the output.
struct Implied {
    var clean: (sample: Double, output: Double)
    var noise: (sample: Double, output: Double)

    init(_ prediction: Prediction, at level: NoiseLevel) {
        switch prediction {
        case .epsilon:
            clean = (1 / level.alpha, -level.sigma / level.alpha)
            noise = (0, 1)
        case .v:
            clean = (level.alpha, -level.sigma)
            noise = (level.sigma, level.alpha)
        }
    }
}

/// Return the natural logarithm of a positive number from exactly rounded operations alone.
///
/// Mathematics libraries differ in the last bit; a sampler's coefficients must not. Error below 4 units in the last
/// place, relative to 1 or to the result, whichever is larger.
func portableLog(_ x: Double) -> Double {
    var exponent = Double(x.exponent)
    var mantissa = x.significand
    if mantissa > 1.5 {
        mantissa /= 2
        exponent += 1
    }
    let s = (mantissa - 1) / (mantissa + 1)
    let q = s * s
    var series = 0.0
    for term in (0..<14).reversed() { series = series * q + 1 / Double(2 * term + 1) }
    return exponent * 0x1.62e42fefa39efp-1 + 2 * s * series
}
