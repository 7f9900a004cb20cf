public import Foundation

/// The JSON of the HTTP API: dates in ISO 8601, keys sorted.
public enum APICoding {
    public static func encoder() -> JSONEncoder {
        let encoder = JSONEncoder()
        encoder.dateEncodingStrategy = .iso8601
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }

    public static func decoder() -> JSONDecoder {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        return decoder
    }
}

/// The answer to a job that was accepted.
public struct JobCreated: Sendable, Hashable, Codable {
    public var id: String

    public init(id: String) { self.id = id }
}

/// What `POST /api/v1/workers/{id}/drain` takes.
public struct DrainRequest: Sendable, Hashable, Codable {
    /// Whether to hand windows back at once, instead of finishing the batch.
    public var now: Bool
    public var reason: String

    public init(now: Bool, reason: String) {
        self.now = now
        self.reason = reason
    }

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        now = try values.decodeIfPresent(Bool.self, forKey: .now) ?? false
        reason = try values.decode(String.self, forKey: .reason)
    }
}

/// A worker's public key that is let in: what `GET /api/v1/keys` lists and `POST` takes.
public struct WorkerKey: Sendable, Hashable, Codable {
    /// 40 characters of Z85.
    public var key: String
    public var name: String

    public init(key: String, name: String) {
        self.key = key
        self.name = name
    }

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        key = try values.decode(String.self, forKey: .key)
        name = try values.decodeIfPresent(String.self, forKey: .name) ?? ""
    }
}

/// What every error answers.
public struct APIError: Sendable, Hashable, Codable {
    public struct Detail: Sendable, Hashable, Codable {
        public var status: Int
        public var message: String
    }

    public var error: Detail

    public init(status: Int, message: String) { error = Detail(status: status, message: message) }
}
