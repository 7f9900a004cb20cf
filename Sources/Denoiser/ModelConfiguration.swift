/// Describe a model: architecture, normalisation, schedule and provenance.
///
/// It travels as JSON in the weights file's metadata under the key `tessera`; names and meaning follow
/// `training/configs/*.json` and `training/tessera_train/model.py`.
public struct ModelConfiguration: Codable, Equatable, Sendable {
    /// The RRDBNet that encodes the coarse image.
    public struct Encoder: Codable, Equatable, Sendable {
        public var channels: Int
        public var blocks: Int
        public var growth: Int
    }

    /// One scalar that modulates the network; it is multiplied by `scale` before the sinusoidal encoding.
    public struct Scalar: Codable, Equatable, Sendable {
        public var name: String
        public var scale: Double
    }

    /// What the network predicts.
    public enum Prediction: String, Codable, Sendable {
        case v, epsilon
    }

    /// The noise schedule of training.
    public struct Schedule: Codable, Equatable, Sendable {
        public var type: String
        public var betaStart: Double
        public var betaEnd: Double
        public var steps: Int

        enum CodingKeys: String, CodingKey {
            case type, steps
            case betaStart = "beta_start"
            case betaEnd = "beta_end"
        }
    }

    /// The way between 8-bit pixels and the network's values: pixel = value · scale + offset.
    public struct Normalisation: Codable, Equatable, Sendable {
        public var scale: Double
        public var offset: Double
    }

    /// A number for every level, or one for each level with the last repeated.
    public enum PerLevel: Equatable, Sendable {
        case one(Double)
        case each([Double])

        /// The value of a level, counted from 1; levels beyond the list take its last value.
        public subscript(level: Int) -> Double {
            switch self {
            case .one(let value): value
            case .each(let values): values[min(max(level, 1), values.count) - 1]
            }
        }
    }

    /// What a job uses when its author says nothing.
    public struct Defaults: Codable, Equatable, Sendable {
        /// A sampler's name: `ddim` or `dpm++`.
        public var sampler: String
        public var steps: Int
        /// How the steps are spread: `t` or `logsnr`; `t` where it is missing.
        public var spacing: String?
        public var degradation: PerLevel?

        /// The text that names sampler, steps and spacing.
        public var samplerText: String {
            "\(sampler):\(steps)" + (spacing.map { ":spacing=\($0)" } ?? "")
        }
    }

    public var format: String
    public var version: Int
    public var name: String
    public var imageChannels: Int
    /// The ratio of a level's resolution to its condition's.
    public var factor: Int
    public var unshuffle: Int
    /// U-Net channels at each level, finest first.
    public var widths: [Int]
    /// Residual blocks at each level.
    public var blocks: [Int]
    /// Whether a level's blocks are followed by self-attention.
    public var attention: [Bool]
    public var headChannels: Int
    public var groups: Int
    public var embedding: Int
    public var sinusoid: Int
    public var encoder: Encoder
    public var scalars: [Scalar]
    public var prediction: Prediction
    public var schedule: Schedule
    public var normalisation: Normalisation
    /// The window's side and margin in pixels that the model was made for.
    public var window: Int
    public var margin: Int
    /// The smallest and largest ground resolution of training, in metres per pixel.
    public var resolutions: [Double]
    public var defaults: Defaults
    public var licence: String
    public var trainingData: [String]
    public var recipeDigest: String

    enum CodingKeys: String, CodingKey {
        case format, version, name, factor, unshuffle, widths, blocks, attention, groups, embedding, sinusoid, encoder
        case scalars, prediction, schedule, normalisation, window, margin, resolutions, defaults, licence
        case imageChannels = "image_channels"
        case headChannels = "head_channels"
        case trainingData = "training_data"
        case recipeDigest = "recipe_digest"
    }
}

extension ModelConfiguration.PerLevel: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let values = try? container.decode([Double].self) {
            self = .each(values)
        } else {
            self = .one(try container.decode(Double.self))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .one(let value): try container.encode(value)
        case .each(let values): try container.encode(values)
        }
    }
}

extension ModelConfiguration {
    /// The attention heads of a level: ⌊width / head_channels⌋, at least one.
    public func heads(width: Int) -> Int { max(1, width / headChannels) }

    /// The times that the encoder's features are doubled to reach the unshuffled image.
    public var doublings: Int { (factor / unshuffle).trailingZeroBitCount }

    /// The channels of the unshuffled image.
    public var unshuffledChannels: Int { imageChannels * unshuffle * unshuffle }

    /// The place of the timestep among the scalars.
    public var timestepIndex: Int { scalars.firstIndex { $0.name == "timestep" } ?? 0 }

    /// The scalars that stay the same through a trajectory, in the configuration's order.
    public var constants: [Scalar] { scalars.filter { $0.name != "timestep" } }

    /// What a window's side must be a multiple of.
    public var windowMultiple: Int { max(unshuffle << (widths.count - 1), factor) }
}
