import Diffusion
import Foundation

/// The best network for data distributed as N(mean, spread²), in closed form.
struct GaussianData {
    var mean = 0.25
    var spread = 0.5

    /// Return the expected clean value given a noisy one.
    func clean(_ x: Double, alphaBar: Double) -> Double {
        let alpha = alphaBar.squareRoot()
        let variance = alphaBar * spread * spread
        return mean + alpha * spread * spread / (variance + 1 - alphaBar) * (x - alpha * mean)
    }

    func output(_ x: Double, alphaBar: Double, prediction: Prediction) -> Double {
        let (alpha, sigma) = (alphaBar.squareRoot(), (1 - alphaBar).squareRoot())
        let clean = clean(x, alphaBar: alphaBar)
        let noise = (x - alpha * clean) / sigma
        return prediction == .epsilon ? noise : alpha * noise - sigma * clean
    }

    /// Return where the probability-flow equation takes `x`, from one noise level to another (Song et al. 2021b,
    /// equation 13): it keeps the number of standard deviations from the mean.
    func flow(_ x: Double, from start: Double, to end: Double) -> Double {
        func deviation(_ alphaBar: Double) -> Double {
            (alphaBar * spread * spread + 1 - alphaBar).squareRoot()
        }
        return end.squareRoot() * mean + deviation(end) / deviation(start) * (x - start.squareRoot() * mean)
    }
}

let schedule: NoiseSchedule = {
    do {
        return try NoiseSchedule(linearBetaFrom: 0.0015, to: 0.0155, steps: 1000)
    } catch {
        fatalError("\(error)")
    }
}()

extension Sampler {
    init(_ text: String, _ prediction: Prediction) throws {
        try self.init(SamplerSpecification(parsing: text), schedule: schedule, prediction: prediction)
    }

    /// Return the images that the closed-form network gives from `start`.
    func images(
        of data: GaussianData, from start: [Float], noise: (Int, Int) -> Float = { _, _ in 0 }
    ) throws -> [Float] {
        var x = start
        try x.withUnsafeMutableBufferPointer { x in
            try sample(
                x,
                noise: { step, z in
                    for i in z.indices { z[i] = noise(step, i) }
                },
                predict: { x, timestep, m in
                    let alphaBar = schedule.alphaBar[timestep]
                    for i in x.indices {
                        m[i] = Float(data.output(Double(x[i]), alphaBar: alphaBar, prediction: prediction))
                    }
                })
        }
        return x
    }
}

struct Reference: Decodable {
    struct Case: Decodable {
        var sampler: String
        var prediction: Prediction
        /// Weights of x, the output, the clean image before and the noise, per step.
        var coefficients: [[Double]]
        var result: [Double]
    }

    var alphaBar: [Double]
    var timesteps, timestepsByLogSNR: [[Int]]
    var start: [Float]
    var noise: [[Float]]
    var mean, spread: Double
    var cases: [Case]

    /// Read what an independent implementation computed; see Tests/Reference.
    static func read() throws -> Reference {
        guard let directory = ProcessInfo.processInfo.environment["TESSERA_REFERENCE"] else {
            throw ReferenceMissing("TESSERA_REFERENCE is not set")
        }
        let url = URL(fileURLWithPath: directory).appendingPathComponent("diffusion.json")
        guard let data = try? Data(contentsOf: url) else { throw ReferenceMissing("\(url.path) is missing") }
        return try JSONDecoder().decode(Reference.self, from: data)
    }
}

struct ReferenceMissing: Error, CustomStringConvertible {
    let description: String

    init(_ what: String) {
        description =
            "\(what): run `python3 Tests/Reference/diffusion_reference.py DIRECTORY` (needs numpy) and set "
            + "TESSERA_REFERENCE=DIRECTORY, or let `make test` do both"
    }
}
