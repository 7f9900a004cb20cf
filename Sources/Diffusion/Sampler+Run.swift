extension Sampler {
    /// Denoise a batch of images in place.
    ///
    /// - Parameters:
    ///   - x: Standard normal noise on entry, the images on return; any number of values.
    ///   - noise: Writes as many standard normal values as `x` has, the noise that step 1 … adds (0 is the initial
    ///     noise). Called only where the step adds noise.
    ///   - predict: Writes the network's output for x at a training step.
    ///   - progress: Called with the number of finished steps after each; throw from it to cancel.
    /// - Throws: What the closures throw; `x` is then between noise and image.
    /// - Complexity: Memory for two to three times `x`, allocated once.
    public func sample(
        _ x: UnsafeMutableBufferPointer<Float>,
        noise: (_ step: Int, _ output: UnsafeMutableBufferPointer<Float>) throws -> Void,
        predict: (
            _ x: UnsafeBufferPointer<Float>, _ timestep: Int, _ output: UnsafeMutableBufferPointer<Float>
        ) throws -> Void,
        progress: (_ finished: Int) throws -> Void = { _ in }
    ) throws {
        guard let values = x.baseAddress else { return }
        let count = x.count
        let output = UnsafeMutableBufferPointer<Float>.allocate(capacity: count)
        defer { output.deallocate() }
        // The clean image of the step before, or the noise to add: no sampler has both.
        let other = UnsafeMutableBufferPointer<Float>.allocate(capacity: count)
        defer { other.deallocate() }
        output.initialize(repeating: 0)
        other.initialize(repeating: 0)
        guard let out = output.baseAddress, let extra = other.baseAddress else { return }
        let keepsHistory = steps.contains { $0.history != 0 }
        for (index, step) in steps.enumerated() {
            try predict(UnsafeBufferPointer(x), step.timestep, output)
            if keepsHistory {
                step.update(values, out, remembering: extra, count)
            } else if step.noise != 0 {
                try noise(index + 1, other)
                step.update(values, out, adding: extra, count)
            } else {
                step.update(values, out, count)
            }
            try progress(index + 1)
        }
    }
}

/// Elementwise updates. Each product and sum is rounded on its own, in the order written, so that the bits depend
/// neither on the machine nor on how the compiler vectorises the loop.
extension SamplerStep {
    fileprivate func update(_ x: UnsafeMutablePointer<Float>, _ m: UnsafeMutablePointer<Float>, _ count: Int) {
        let (a, b) = (sample, output)
        for i in 0..<count { x[i] = a * x[i] + b * m[i] }
    }

    fileprivate func update(
        _ x: UnsafeMutablePointer<Float>, _ m: UnsafeMutablePointer<Float>,
        adding z: UnsafeMutablePointer<Float>, _ count: Int
    ) {
        let (a, b, c) = (sample, output, noise)
        for i in 0..<count { x[i] = a * x[i] + b * m[i] + c * z[i] }
    }

    fileprivate func update(
        _ x: UnsafeMutablePointer<Float>, _ m: UnsafeMutablePointer<Float>,
        remembering clean: UnsafeMutablePointer<Float>, _ count: Int
    ) {
        let (a, b, c, p, q) = (sample, output, history, cleanSample, cleanOutput)
        for i in 0..<count {
            let (here, predicted, before) = (x[i], m[i], clean[i])
            clean[i] = p * here + q * predicted
            x[i] = a * here + b * predicted + c * before
        }
    }
}
