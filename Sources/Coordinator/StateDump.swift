public import Foundation
public import Scheduling
import Synchronization

/// Everything the coordinator knows, for a bug report.
public struct StateDump: Codable, Sendable {
    public var taken: Date
    public var status: Status
    public var scheduler: SchedulerDump
    /// Messages that wait for a slow connection, by worker.
    public var unsent: [String: Int]

    public init(taken: Date, status: Status, scheduler: SchedulerDump, unsent: [String: Int]) {
        self.taken = taken
        self.status = status
        self.scheduler = scheduler
        self.unsent = unsent
    }
}

/// The scheduler's books are wrong: an error of this program, not of its surroundings.
struct InvariantBroken: Error, CustomStringConvertible {
    let description: String
    let dump: StateDump
}

/// A dump that another thread waits for.
final class DumpOrder: Sendable {
    private let result = Mutex<StateDump?>(nil)
    private let done = DispatchSemaphore(value: 0)

    func fulfil(_ dump: StateDump) {
        result.withLock { $0 = dump }
        done.signal()
    }

    func wait(seconds: Double) -> StateDump? {
        _ = done.wait(timeout: .now() + seconds)
        return result.withLock { $0 }
    }
}

/// Takes secrets out of a JSON document: values under names that tell of one, and passwords in addresses.
public enum Redaction {
    static let mark = "(redacted)"
    private static let words = ["token", "secret", "password", "key", "authorization", "signature", "credential"]

    public static func redacted(json: Data) throws -> Data {
        let value = try JSONSerialization.jsonObject(with: json, options: .fragmentsAllowed)
        return try JSONSerialization.data(
            withJSONObject: redacted(value), options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
    }

    private static func redacted(_ value: Any) -> Any {
        switch value {
        case let object as [String: Any]:
            return Dictionary(
                uniqueKeysWithValues: object.map { name, value in
                    (name, isSecret(name) && !(value is NSNull) ? mark : redacted(value))
                })
        case let list as [Any]: return list.map(redacted)
        case let text as String: return redacted(text: text)
        default: return value
        }
    }

    private static func isSecret(_ name: String) -> Bool {
        let name = name.lowercased()
        return words.contains { name.contains($0) }
    }

    /// Cover `user:password@` of an address, and the values of parameters that tell of a secret.
    static func redacted(text: String) -> String {
        var result = text
        for pattern in [
            "(?<=://)[^/@\\s]+(?=@)",
            "(?i)(?<=[?&;](?:access_token|token|api_key|apikey|key|secret|password|sig|signature)=)[^&#\\s]+",
        ] {
            result = result.replacingOccurrences(of: pattern, with: mark, options: .regularExpression)
        }
        return result
    }
}
