public import Canvas
internal import Foundation
internal import Raster

/// What the pixels of a mosaic are a function of, beside their coordinates: model digest, sampler, noise mode, base
/// digest, seed, degradation …
///
/// A job whose identity differs in any key must not write into the same mosaic.
public struct MosaicIdentity: Hashable, Sendable, Codable {
    public var entries: [String: JSONValue]

    public init(_ entries: [String: JSONValue] = [:]) {
        self.entries = entries
    }

    public subscript(key: String) -> JSONValue? {
        get { entries[key] }
        set { entries[key] = newValue }
    }

    public init(from decoder: any Decoder) throws {
        entries = try decoder.singleValueContainer().decode([String: JSONValue].self)
    }

    public func encode(to encoder: any Encoder) throws {
        var value = encoder.singleValueContainer()
        try value.encode(entries)
    }
}

/// The contents of `mosaic.json`.
public struct MosaicDescription: Hashable, Sendable, Codable {
    /// The version of the directory's layout that this code writes.
    public static let currentFormat = 2

    public var format = Self.currentFormat
    public var canvas: Canvas
    /// The finest level.
    public var levels: Int
    public var identity: MosaicIdentity
    /// What does not enter the pixels and may change: names, credits, licences.
    public var about: [String: JSONValue]

    public init(canvas: Canvas, levels: Int, identity: MosaicIdentity, about: [String: JSONValue] = [:]) {
        self.canvas = canvas
        self.levels = levels
        self.identity = identity
        self.about = about
    }

    /// The SHA-256, in hexadecimal, of whatever the pixels are a function of: canvas, levels and identity.
    public var digest: String {
        var essential = self
        essential.about = [:]
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // A description holds nothing that JSON cannot: it was read from JSON, or is about to be written as such.
        return (try? encoder.encode(essential)).map { Checksum.hex([UInt8]($0)) } ?? ""
    }

    /// Throw `MosaicError.mismatch` for the first key in which `job` differs.
    public func require(_ job: MosaicDescription, directory: String) throws {
        let stored = try facts()
        let given = try job.facts()
        for key in Set(stored.keys).union(given.keys).sorted() where stored[key] != given[key] {
            throw MosaicError.mismatch(
                directory: directory, key: key, stored: stored[key]?.description ?? "(none)",
                given: given[key]?.description ?? "(none)")
        }
    }

    private func facts() throws -> [String: JSONValue] {
        var facts = identity.entries
        facts["levels"] = .integer(Int64(levels))
        facts["base zoom"] = .integer(Int64(canvas.baseZoom))
        facts["core"] = .integer(canvas.geometry.core)
        facts["margin"] = .integer(canvas.geometry.margin)
        switch canvas.surface {
        case .webMercator: facts["surface"] = "Web Mercator"
        case .plane(let metres): facts["surface"] = .string("plane of \(metres) m per pixel")
        }
        return facts
    }
}
