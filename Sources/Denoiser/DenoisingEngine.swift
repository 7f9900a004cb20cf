/// Runs a model's network on batches of windows.
///
/// An engine and its trajectories belong to one compute thread at a time; they are not `Sendable`. A window's result
/// depends on nothing but the model, the window's own inputs and ``profile``: not on the batch that it came in, its
/// place there, or the number of threads.
public protocol DenoisingEngine: AnyObject {
    /// The numeric profile: engine and arithmetic kernels. Two engines of one profile and one model give the same bits.
    var profile: String { get }

    var configuration: ModelConfiguration { get }

    /// Encode the conditions of a batch, once for all its steps.
    ///
    /// - Parameters:
    ///   - conditions: coarse images in [-1, 1], planar, N × channels × (W / factor)².
    ///   - constants: N × (S − 1) scalars, unscaled, in the configuration's order without the timestep.
    ///   - count: N, at least 1.
    ///   - window: W in pixels, a multiple of ``ModelConfiguration/windowMultiple``.
    /// - Throws: ``EngineError`` for sizes that do not fit.
    func begin(conditions: [Float], constants: [Float], count: Int, window: Int) throws -> any DenoisingTrajectory
}

/// One batch of windows on its way from noise to image.
public protocol DenoisingTrajectory: AnyObject {
    /// The number of windows, N.
    var count: Int { get }
    /// The side of a window in pixels, W.
    var window: Int { get }

    /// Predict v (or ε) for every window of the batch at one timestep.
    ///
    /// Timesteps may come in any order, and the same one twice.
    ///
    /// - Parameters:
    ///   - x: the noisy images, planar, N × channels × W × W.
    ///   - timestep: 0…schedule.steps − 1; fractions are allowed.
    ///   - output: receives the prediction in the shape of `x`; it must not overlap `x`.
    /// - Throws: ``EngineError`` for sizes that do not fit.
    func predict(
        _ x: UnsafeBufferPointer<Float>, timestep: Float, into output: UnsafeMutableBufferPointer<Float>) throws
}

/// Say why an engine refused its input.
public struct EngineError: Error, Equatable, Sendable, CustomStringConvertible {
    public let reason: String
    public let remedy: String

    public init(_ reason: String, remedy: String) {
        self.reason = reason
        self.remedy = remedy
    }

    public var description: String { "denoising engine: \(reason). \(remedy)" }
}

extension ModelConfiguration {
    /// Check the sizes of a batch.
    ///
    /// - Throws: ``EngineError``.
    public func checkBatch(conditions: Int, constants: Int, count: Int, window: Int) throws(EngineError) {
        guard 1...65_536 ~= count else {
            throw EngineError("a batch of \(count) windows", remedy: "Use 1 to 65536 windows.")
        }
        guard 1...Self.maximumWindow ~= window, window % windowMultiple == 0 else {
            throw EngineError(
                "a window of \(window) pixels",
                remedy:
                    "Use a multiple of \(windowMultiple) up to \(Self.maximumWindow); the model was made for \(self.window)."
            )
        }
        let side = window / factor
        let expected = count * imageChannels * side * side
        guard conditions == expected else {
            throw EngineError(
                "\(conditions) values of condition for \(count) windows of \(window) pixels",
                remedy: "Pass \(count) × \(imageChannels) × \(side) × \(side) = \(expected).")
        }
        guard constants == count * (scalars.count - 1) else {
            let names = self.constants.map(\.name).joined(separator: ", ")
            throw EngineError(
                "\(constants) scalars for \(count) windows",
                remedy: "Pass \(count) × \(scalars.count - 1), for each window: \(names).")
        }
    }

    /// Check the sizes of one step.
    ///
    /// - Throws: ``EngineError``.
    public func checkStep(input: Int, output: Int, count: Int, window: Int) throws(EngineError) {
        let expected = count * imageChannels * window * window
        guard input == expected, output == expected else {
            throw EngineError(
                "buffers of \(input) and \(output) values for \(count) windows of \(window) pixels",
                remedy: "Pass \(count) × \(imageChannels) × \(window) × \(window) = \(expected) each.")
        }
    }
}
