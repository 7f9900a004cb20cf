import Canvas
import Coordinator
import Foundation
import Noise

/// A job as a person writes it in JSON: everything but `levels` may be left out.
///
/// The place is one of `region` (as `JobRequest` writes it), `bbox` [west, south, east, north], `rect`
/// [x, y, width, height] and `geojson`; none is the whole raster. Unknown keys are refused, for they are misspelt.
struct JobDraft: Decodable {
    let request: JobRequest

    private enum Key: String, CodingKey, CaseIterable {
        case base, baseZoom, metresPerPixel, region, bbox, rect, geojson, levels, seed, model, sampler, noise
        case degradation, geometry, exact, priority
    }

    private struct AnyKey: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    init(from decoder: any Decoder) throws {
        let names = try decoder.container(keyedBy: AnyKey.self).allKeys.map(\.stringValue)
        let known = Key.allCases.map(\.rawValue)
        if let unknown = names.sorted().first(where: { !known.contains($0) }) {
            throw JobDraftError("a job has no key \"\(unknown)\"; it has \(known.joined(separator: ", "))")
        }
        let values = try decoder.container(keyedBy: Key.self)
        func value<Value: Decodable>(_ key: Key, _ type: Value.Type = Value.self) throws -> Value? {
            try values.decodeIfPresent(type, forKey: key)
        }
        guard let levels: Int = try value(.levels) else {
            throw JobDraftError("\"levels\" is missing: how many times ×4, 1 or more")
        }
        request = JobRequest(
            base: try value(.base), baseZoom: try value(.baseZoom), metresPerPixel: try value(.metresPerPixel),
            region: try Self.region(values), levels: levels, seed: try value(.seed) ?? 0,
            model: try value(.model), sampler: try value(.sampler), noise: try value(.noise) ?? .canvas,
            degradation: try value(.degradation), geometry: try value(.geometry) ?? .standard,
            exact: try value(.exact) ?? false, priority: try value(.priority) ?? 0)
    }

    private static func region(_ values: KeyedDecodingContainer<Key>) throws -> Region? {
        let given = [Key.region, .bbox, .rect, .geojson].filter(values.contains)
        guard let key = given.first else { return nil }
        guard given.count == 1 else {
            throw JobDraftError("give one of region, bbox, rect and geojson, not \(given.count) of them")
        }
        switch key {
        case .bbox:
            let box = try values.decode([Double].self, forKey: key)
            guard box.count == 4 else { throw JobDraftError("\"bbox\" is [west, south, east, north] in degrees") }
            return .box(west: box[0], south: box[1], east: box[2], north: box[3])
        case .rect:
            let rect = try values.decode([Int64].self, forKey: key)
            guard rect.count == 4 else { throw JobDraftError("\"rect\" is [x, y, width, height] in base pixels") }
            return .rect(PixelRect(x: rect[0], y: rect[1], width: rect[2], height: rect[3]))
        case .geojson:
            let text = try JSONEncoder().encode(values.decode(JSONValue.self, forKey: key))
            return try Region(geoJSON: text)
        default:
            return try values.decodeIfPresent(Region.self, forKey: key)
        }
    }
}

/// What is wrong with a job's JSON.
struct JobDraftError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// Any JSON, carried through.
enum JSONValue: Codable {
    case null
    case bool(Bool)
    case number(Double)
    case text(String)
    case list([JSONValue])
    case object([String: JSONValue])

    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if value.decodeNil() {
            self = .null
        } else if let item = try? value.decode(Bool.self) {
            self = .bool(item)
        } else if let item = try? value.decode(Double.self) {
            self = .number(item)
        } else if let item = try? value.decode(String.self) {
            self = .text(item)
        } else if let item = try? value.decode([JSONValue].self) {
            self = .list(item)
        } else {
            self = .object(try value.decode([String: JSONValue].self))
        }
    }

    func encode(to encoder: any Encoder) throws {
        var value = encoder.singleValueContainer()
        switch self {
        case .null: try value.encodeNil()
        case .bool(let item): try value.encode(item)
        case .number(let item): try value.encode(item)
        case .text(let item): try value.encode(item)
        case .list(let item): try value.encode(item)
        case .object(let item): try value.encode(item)
        }
    }
}
