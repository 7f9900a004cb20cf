public import Foundation

/// Say why a model's configuration was refused.
public struct ModelConfigurationError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The configuration's key, with dots into nested objects.
    public let key: String
    public let reason: String

    init(_ key: String, _ reason: String) {
        self.key = key
        self.reason = reason
    }

    public var description: String {
        "model configuration, “\(key)”: \(reason). Correct the configuration the model was trained with and export it"
            + " again; training/configs/tiny.json is a complete example of the architecture."
    }
}

extension ModelConfiguration {
    /// The largest JSON text that is decoded.
    static let maximumBytes = 1 << 20

    /// Decode and validate a configuration.
    ///
    /// - Throws: ``ModelConfigurationError``.
    public init(json: Data) throws {
        guard json.count <= Self.maximumBytes else {
            throw ModelConfigurationError("tessera", "\(json.count) bytes exceed \(Self.maximumBytes)")
        }
        do {
            self = try JSONDecoder().decode(Self.self, from: json)
        } catch let error as DecodingError {
            throw ModelConfigurationError(error.key, error.reason)
        }
        try validate()
    }

    /// Check every number's range and the relations between them.
    ///
    /// - Throws: ``ModelConfigurationError``.
    public func validate() throws(ModelConfigurationError) {
        guard format == "tessera-model" else {
            throw ModelConfigurationError("format", "“\(format.prefix(40))” is not “tessera-model”")
        }
        guard version == 1 else {
            throw ModelConfigurationError("version", "version \(version) is unknown; this program reads version 1")
        }
        try check("image_channels", imageChannels, 1...16)
        try check("factor", factor, 1...64, powerOfTwo: true)
        try check("unshuffle", unshuffle, 1...factor, powerOfTwo: true)
        try check("groups", groups, 1...1024)
        try check("head_channels", headChannels, 1...4096)
        try check("embedding", embedding, 1...16_384)
        try check("sinusoid", sinusoid, 2...16_384)
        guard sinusoid % 2 == 0 else { throw ModelConfigurationError("sinusoid", "\(sinusoid) is odd") }
        try check("encoder.channels", encoder.channels, 1...4096)
        try check("encoder.growth", encoder.growth, 1...4096)
        try check("encoder.blocks", encoder.blocks, 0...256)
        try validateLevels()
        try validateScalars()
        try validateUse()
    }

    private func validateLevels() throws(ModelConfigurationError) {
        try check("widths", widths.count, 1...8, "levels")
        guard blocks.count == widths.count else {
            throw ModelConfigurationError("blocks", "\(blocks.count) counts for \(widths.count) widths")
        }
        guard attention.count == widths.count else {
            throw ModelConfigurationError("attention", "\(attention.count) flags for \(widths.count) widths")
        }
        for level in widths.indices {
            let width = widths[level]
            try check("widths", width, 1...16_384)
            try check("blocks", blocks[level], 1...64)
            guard width % groups == 0 else {
                throw ModelConfigurationError("widths", "\(width) channels do not divide into \(groups) groups")
            }
            guard !attention[level] || width % heads(width: width) == 0 else {
                throw ModelConfigurationError(
                    "head_channels", "\(width) channels do not divide into \(heads(width: width)) heads")
            }
        }
    }

    private func validateScalars() throws(ModelConfigurationError) {
        try check("scalars", scalars.count, 1...64, "scalars")
        guard scalars.count(where: { $0.name == "timestep" }) == 1 else {
            throw ModelConfigurationError("scalars", "exactly one of them must be “timestep”")
        }
        guard Set(scalars.map(\.name)).count == scalars.count else {
            throw ModelConfigurationError("scalars", "two have the same name")
        }
        for scalar in scalars where !(scalar.scale.magnitude <= 1e9) {
            throw ModelConfigurationError("scalars", "the scale of “\(scalar.name.prefix(40))” exceeds 1e9")
        }
    }

    private func validateUse() throws(ModelConfigurationError) {
        guard schedule.type == "linear" else {
            throw ModelConfigurationError("schedule.type", "“\(schedule.type.prefix(40))” is not “linear”")
        }
        try check("schedule.steps", schedule.steps, 1...100_000)
        guard 0 < schedule.betaStart, schedule.betaStart <= schedule.betaEnd, schedule.betaEnd < 1 else {
            throw ModelConfigurationError("schedule", "0 < beta_start ≤ beta_end < 1 does not hold")
        }
        guard normalisation.scale > 0, normalisation.scale <= 1e6, normalisation.offset.magnitude <= 1e6 else {
            throw ModelConfigurationError("normalisation", "a positive scale and an offset up to 1e6 are needed")
        }
        try check("window", window, 1...Self.maximumWindow)
        guard window % windowMultiple == 0 else {
            throw ModelConfigurationError("window", "\(window) is no multiple of \(windowMultiple)")
        }
        try check("margin", margin, 0...(window - 1) / 2)
        guard resolutions.count == 2, 0 < resolutions[0], resolutions[0] <= resolutions[1], resolutions[1] <= 1e9 else {
            throw ModelConfigurationError("resolutions", "two positive numbers, the smaller first, are needed")
        }
        guard ["ddim", "dpm++"].contains(defaults.sampler) else {
            throw ModelConfigurationError(
                "defaults.sampler", "“\(defaults.sampler.prefix(40))” is neither ddim nor dpm++")
        }
        try check("defaults.steps", defaults.steps, 1...schedule.steps)
        guard ["t", "logsnr"].contains(defaults.spacing ?? "t") else {
            throw ModelConfigurationError(
                "defaults.spacing", "“\(defaults.spacing?.prefix(40) ?? "")” is neither t nor logsnr")
        }
        let strengths =
            switch defaults.degradation {
            case nil: [0.0]
            case .one(let value): [value]
            case .each(let values): values
            }
        guard !strengths.isEmpty, strengths.allSatisfy({ 0...1 ~= $0 }) else {
            throw ModelConfigurationError("defaults.degradation", "a number in 0…1, or a list of them, is needed")
        }
    }

    /// The largest side of a window that engines accept.
    public static let maximumWindow = 4096

    private func check(
        _ key: String, _ value: Int, _ range: ClosedRange<Int>, _ unit: String = "", powerOfTwo: Bool = false
    ) throws(ModelConfigurationError) {
        guard range.contains(value) else {
            let shown = unit.isEmpty ? "\(value)" : "\(value) \(unit)"
            throw ModelConfigurationError(key, "\(shown) is not in \(range.lowerBound)…\(range.upperBound)")
        }
        guard !powerOfTwo || value & (value - 1) == 0 else {
            throw ModelConfigurationError(key, "\(value) is no power of two")
        }
    }
}

extension DecodingError {
    private var context: Context? {
        switch self {
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .keyNotFound(_, let context),
            .dataCorrupted(let context):
            context
        @unknown default: nil
        }
    }

    fileprivate var key: String {
        var path = context?.codingPath.map(\.stringValue) ?? []
        if case .keyNotFound(let key, _) = self { path.append(key.stringValue) }
        return path.isEmpty ? "tessera" : String(path.joined(separator: ".").prefix(120))
    }

    fileprivate var reason: String {
        switch self {
        case .keyNotFound: "the key is missing"
        case .typeMismatch(let type, _): "it is no \(type)"
        case .valueNotFound: "it is null"
        default: "it is not valid JSON or not a permitted value (\(context?.debugDescription.prefix(160) ?? ""))"
        }
    }
}
