/// How much of the image is left at each training step: ᾱ_t = Π_{s ≤ t} (1 − β_s) (Ho et al. 2020, equation 4).
///
/// A noisy image is x_t = √ᾱ_t · x_0 + √(1 − ᾱ_t) · ε.
public struct NoiseSchedule: Hashable, Sendable {
    /// ᾱ of every training step, strictly decreasing within 0 … 1.
    public let alphaBar: [Double]

    public var steps: Int { alphaBar.count }

    /// Create a schedule whose β runs in equal steps from the first to the last.
    ///
    /// - Parameters:
    ///   - first: β at step 0, above 0 and below 1; MetaEarth's is 0.0015.
    ///   - last: β at the last step, not below the first; MetaEarth's is 0.0155.
    ///   - steps: 2 … 100,000; MetaEarth's is 1000.
    /// - Throws: `DiffusionError.schedule` for other numbers, or where less than 1e-12 of the image's variance is left.
    public init(linearBetaFrom first: Double, to last: Double, steps: Int) throws {
        guard (2...100_000).contains(steps) else {
            throw DiffusionError.schedule("\(steps) steps are not in 2 … 100000")
        }
        guard first > 0, first <= last, last < 1 else {
            throw DiffusionError.schedule("β from \(first) to \(last) does not rise within 0 … 1")
        }
        let increment = (last - first) / Double(steps - 1)
        var product = 1.0
        alphaBar = (0..<steps).map { step in
            product *= 1 - (first + Double(step) * increment)
            return product
        }
        guard product >= 1e-12 else {
            throw DiffusionError.schedule("β from \(first) to \(last) over \(steps) steps leaves nothing of the image")
        }
    }
}

/// What a network was trained to predict from x_t.
public enum Prediction: String, Codable, Sendable, CaseIterable {
    /// The noise ε.
    case epsilon
    /// The velocity v = √ᾱ·ε − √(1 − ᾱ)·x_0 (Salimans and Ho 2022, appendix D).
    case v
}
