import Crypto
public import Foundation

/// A model: its configuration, its weights, and the digest that names it.
///
/// Opening checks that the file holds exactly the tensors that its configuration describes, each with its shape.
public struct ModelFile: Sendable {
    public let configuration: ModelConfiguration
    /// SHA-256 of the file's bytes, in lower-case hexadecimal.
    public let digest: String
    /// The size of the file in bytes.
    public let byteCount: Int
    /// The number of weights.
    public let parameterCount: Int

    private let file: SafetensorsFile

    /// Read a model from a file.
    ///
    /// - Throws: ``SafetensorsError`` or ``ModelConfigurationError``.
    public init(contentsOf url: URL) throws {
        try self.init(data: SafetensorsFile.read(url))
    }

    /// Read a model from a file's bytes.
    ///
    /// - Throws: ``SafetensorsError`` or ``ModelConfigurationError``.
    public init(data: Data) throws {
        file = try SafetensorsFile(data: data)
        guard let json = file.metadata["tessera"] else {
            throw ModelConfigurationError("tessera", "the file's metadata hold no model configuration")
        }
        configuration = try ModelConfiguration(json: Data(json.utf8))
        var expected = Set<String>()
        for specification in configuration.tensors {
            _ = try file.tensor(specification.name, shape: specification.shape)
            expected.insert(specification.name)
        }
        if let extra = file.tensors.first(where: { !expected.contains($0.name) }) {
            throw SafetensorsError(
                .unexpectedTensor, tensor: extra.name, "the file's configuration describes no such layer",
                remedy: "Check that the file's configuration and weights belong together; export the model again.")
        }
        parameterCount = file.tensors.reduce(0) { $0 + $1.count }
        byteCount = data.count
        digest = SHA256.hash(data: data).map { byte in
            let text = String(byte, radix: 16)
            return byte < 16 ? "0" + text : text
        }.joined()
    }

    /// Convert a tensor's weights to `Float`, in row-major order.
    ///
    /// - Throws: ``SafetensorsError`` if there is no such tensor, or a weight is infinite or not a number.
    public func weights(_ name: String) throws -> [Float] {
        let values = try file.floats(name)
        guard values.allSatisfy(\.isFinite) else {
            throw SafetensorsError(
                .notFinite, tensor: name, "a weight is infinite or not a number",
                remedy: "Training diverged or the file is damaged: use an earlier checkpoint, or fetch the file again.")
        }
        return values
    }

    /// The element types of the weights, each with its number of weights.
    public var elementTypes: [(type: ElementType, count: Int)] {
        ElementType.allCases.compactMap { type in
            let count = file.tensors.reduce(0) { $0 + ($1.type == type ? $1.count : 0) }
            return count > 0 ? (type, count) : nil
        }
    }
}

extension ModelFile {
    /// Describe the model for a reader, one fact a line.
    public var summary: [(label: String, value: String)] {
        let model = configuration
        let types = elementTypes.map(\.type.rawValue).joined(separator: " and ")
        let levels = model.widths.indices.map { level in
            "\(model.widths[level])×\(model.blocks[level])\(model.attention[level] ? " with attention" : "")"
        }
        let strength =
            switch model.defaults.degradation {
            case nil: ""
            case .one(let value): ", degradation \(value)"
            case .each(let values): ", degradation " + values.map { "\($0)" }.joined(separator: " ") + " by level"
            }
        let spacing = model.defaults.spacing == "logsnr" ? " even in log-SNR" : ""
        return [
            ("name", model.name),
            ("digest", "sha256 \(digest)"),
            ("size", "\(byteCount) bytes, \(parameterCount) parameters (\(types))"),
            ("network", "U-Net, unshuffle \(model.unshuffle), channels×blocks \(levels.joined(separator: ", "))"),
            (
                "encoder",
                "RRDBNet, \(model.encoder.blocks) blocks of \(model.encoder.channels) + \(model.encoder.growth)"
            ),
            ("scalars", model.scalars.map(\.name).joined(separator: ", ")),
            ("predicts", model.prediction == .v ? "v" : "ε"),
            (
                "schedule",
                "\(model.schedule.type), β \(model.schedule.betaStart)…\(model.schedule.betaEnd), \(model.schedule.steps) steps"
            ),
            ("window", "\(model.window) px, margin \(model.margin), ×\(model.factor) a level"),
            ("resolutions", "\(model.resolutions[0])…\(model.resolutions[1]) m per pixel"),
            ("defaults", "\(model.defaults.sampler), \(model.defaults.steps) steps\(spacing)\(strength)"),
            ("licence", model.licence),
            ("training data", model.trainingData.joined(separator: "; ")),
            ("recipe", model.recipeDigest),
        ]
    }
}
