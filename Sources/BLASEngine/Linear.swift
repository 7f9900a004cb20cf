internal import Denoiser
internal import Foundation

/// A fully connected layer for single vectors.
struct Linear {
    let inputs: Int
    let outputs: Int
    private let weights: FloatBuffer
    private let bias: FloatBuffer

    init(_ model: ModelFile, _ name: String, inputs: Int, outputs: Int) throws {
        self.inputs = inputs
        self.outputs = outputs
        weights = FloatBuffer(try model.weights(name + ".weight"))
        bias = FloatBuffer(try model.weights(name + ".bias"))
    }

    func callAsFunction(_ source: UnsafePointer<Float>, into target: UnsafeMutablePointer<Float>) {
        let (weights, bias) = (weights.pointer, bias.pointer)
        for output in 0..<outputs {
            target[output] = bias[output] + dot(weights + output * inputs, source, count: inputs)
        }
    }
}

/// Embeds one scalar: a sinusoidal encoding and a perceptron with one hidden layer.
struct ScalarEmbedding {
    private let scale: Float
    private let frequencies: [Float]
    private let first: Linear
    private let second: Linear
    private let encoding: FloatBuffer
    private let hidden: FloatBuffer

    init(_ model: ModelFile, index: Int) throws {
        let configuration = model.configuration
        scale = Float(configuration.scalars[index].scale)
        let half = configuration.sinusoid / 2
        frequencies = (0..<half).map { i in
            Float(exp(Double(Float(-log(10000.0)) * Float(i) / Float(half))))
        }
        let width = configuration.embedding
        first = try Linear(model, "scalars.\(index).0", inputs: configuration.sinusoid, outputs: width)
        second = try Linear(model, "scalars.\(index).2", inputs: width, outputs: width)
        encoding = FloatBuffer(count: configuration.sinusoid)
        hidden = FloatBuffer(count: width)
    }

    /// Embed a value; the angles are rounded to `Float` before cosine and sine, as in training.
    func callAsFunction(_ value: Float, into target: UnsafeMutablePointer<Float>) {
        let half = frequencies.count
        for i in 0..<half {
            let angle = Double(value * scale * frequencies[i])
            encoding.pointer[i] = Float(cos(angle))
            encoding.pointer[half + i] = Float(sin(angle))
        }
        first(encoding.pointer, into: hidden.pointer)
        map(AffineSiLU(scale: 1, shift: 0), hidden.pointer, hidden.pointer, hidden.count)
        second(hidden.pointer, into: target)
    }
}
