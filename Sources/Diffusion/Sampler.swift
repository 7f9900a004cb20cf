/// A sampler with the coefficients of all its steps: turns noise into an image by asking a network a few times.
///
/// The steps visit the training steps that the spacing chooses, and the last one ends at the clean image.
/// Every update is elementwise, so an image's bits do not depend on what else is in the batch.
public struct Sampler: Sendable {
    public let specification: SamplerSpecification
    public let prediction: Prediction
    public let steps: [SamplerStep]

    /// - Throws: `DiffusionError.sampler` where it has more steps than the schedule.
    public init(_ specification: SamplerSpecification, schedule: NoiseSchedule, prediction: Prediction) throws {
        guard specification.steps <= schedule.steps else {
            throw DiffusionError.sampler(
                "\(specification) has more steps than the \(schedule.steps) the model was trained with")
        }
        self.specification = specification
        self.prediction = prediction
        let timesteps = specification.spacing.timesteps(specification.steps, of: schedule)
        let levels = timesteps.map { NoiseLevel(alphaBar: schedule.alphaBar[$0]) } + [.clean]
        steps = timesteps.indices.map { index in
            let implied = Implied(prediction, at: levels[index])
            let map: Map
            switch specification.kind {
            case .ddim(let eta): map = .ddim(from: levels[index], to: levels[index + 1], eta: eta, implied)
            case .dpmPlusPlus2M:
                let previous = index > 0 && index + 1 < timesteps.count ? levels[index - 1] : nil
                map = .dpm(from: levels[index], to: levels[index + 1], previous: previous, implied)
            }
            return SamplerStep(
                timestep: timesteps[index], sample: Float(map.sample), output: Float(map.output),
                history: Float(map.history), noise: Float(map.noise),
                cleanSample: Float(implied.clean.sample), cleanOutput: Float(implied.clean.output))
        }
    }

    private struct Map {
        var sample: Double
        var output: Double
        var history = 0.0
        var noise = 0.0

        /// Song et al. 2021, equations 12 and 16.
        static func ddim(from here: NoiseLevel, to next: NoiseLevel, eta: Double, _ implied: Implied) -> Map {
            let ratio = here.alpha / next.alpha
            let added = eta * (next.sigma / here.sigma) * max(0, 1 - ratio * ratio).squareRoot()
            let direction = max(0, next.sigma * next.sigma - added * added).squareRoot()
            return Map(
                sample: next.alpha * implied.clean.sample + direction * implied.noise.sample,
                output: next.alpha * implied.clean.output + direction * implied.noise.output, noise: added)
        }

        /// Lu et al. 2022, algorithm 2; first order where `previous` is nil.
        static func dpm(
            from here: NoiseLevel, to next: NoiseLevel, previous: NoiseLevel?, _ implied: Implied
        ) -> Map {
            let shrink = next.sigma / here.sigma
            let gain = next.alpha - here.alpha * shrink  // −α'·(e^−h − 1)
            var extrapolation = 0.0
            if let previous {
                extrapolation = (next.lambda - here.lambda) / (2 * (here.lambda - previous.lambda))
            }
            let weight = gain * (1 + extrapolation)
            return Map(
                sample: shrink + weight * implied.clean.sample, output: weight * implied.clean.output,
                history: -gain * extrapolation)
        }
    }
}
