/// The rule by which a sampler goes from one noise level to the next.
public enum SamplerKind: Hashable, Sendable {
    /// DDIM (Song et al. 2021, equation 12); η 0 adds no noise, η 1 as much as the training process.
    case ddim(eta: Double)
    /// DPM-Solver++(2M) (Lu et al. 2022, algorithm 2).
    case dpmPlusPlus2M
}

/// A sampler, its number of steps and their spacing, as a job names it: `ddim:50`, `ddim:50:eta=0.5`,
/// `dpm++:10:spacing=logsnr`.
///
/// Equal samplers have equal texts, so the text can stand in a job's identity.
public struct SamplerSpecification: Hashable, Sendable, CustomStringConvertible {
    public static let allowedSteps = 1...1000

    public let kind: SamplerKind
    /// How many times the network is asked.
    public let steps: Int
    public let spacing: TimestepSpacing

    /// - Throws: `DiffusionError.sampler` where steps leave 1 … 1000 or η leaves 0 … 1.
    public init(_ kind: SamplerKind, steps: Int, spacing: TimestepSpacing = .timestep) throws {
        guard Self.allowedSteps.contains(steps) else {
            throw DiffusionError.sampler("\(steps) steps are not in 1 … 1000")
        }
        if case .ddim(let eta) = kind {
            guard eta >= 0, eta <= 1 else { throw DiffusionError.sampler("eta \(eta) is not in 0 … 1") }
            self.kind = .ddim(eta: eta == 0 ? 0 : eta)
        } else {
            self.kind = kind
        }
        self.steps = steps
        self.spacing = spacing
    }

    /// Read a sampler's text.
    ///
    /// - Throws: `DiffusionError.sampler` with what is wrong in the text.
    public init(parsing text: String) throws {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        let name = parts[0]
        guard ["ddim", "dpm++"].contains(name) else {
            throw DiffusionError.sampler("\"\(name)\" in \"\(text)\" is unknown: use ddim or dpm++")
        }
        guard parts.count >= 2, let steps = Int(parts[1]) else {
            throw DiffusionError.sampler("\"\(text)\" lacks a number of steps: write for example \(name):12")
        }
        var eta: Double?
        var spacing: TimestepSpacing?
        for option in parts.dropFirst(2) {
            if eta == nil, name == "ddim", option.hasPrefix("eta="), let value = Double(option.dropFirst(4)) {
                eta = value
            } else if spacing == nil, option.hasPrefix("spacing="),
                let value = TimestepSpacing(rawValue: String(option.dropFirst(8)))
            {
                spacing = value
            } else {
                throw DiffusionError.sampler(
                    "\"\(option)\" in \"\(text)\" is not understood: the options are eta, for ddim, and spacing, which is "
                        + "t or logsnr, as in ddim:50:eta=0.5 and dpm++:10:spacing=logsnr")
            }
        }
        try self.init(
            name == "ddim" ? .ddim(eta: eta ?? 0) : .dpmPlusPlus2M, steps: steps, spacing: spacing ?? .timestep)
    }

    /// The one text of this sampler.
    public var description: String {
        let rule =
            switch kind {
            case .dpmPlusPlus2M: "dpm++:\(steps)"
            case .ddim(eta: 0): "ddim:\(steps)"
            case .ddim(eta: 1): "ddim:\(steps):eta=1"
            case .ddim(let eta): "ddim:\(steps):eta=\(eta)"
            }
        return spacing == .timestep ? rule : "\(rule):spacing=\(spacing.rawValue)"
    }
}

extension SamplerSpecification: Codable {
    public init(from decoder: any Decoder) throws {
        try self.init(parsing: decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
