import Foundation
import Hummingbird
import NIOCore
import Synchronization

/// What routes know of a request: also where it came from.
struct MonitorContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// The caller's address without the port; empty where there is none.
    let caller: String

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        caller = source.channel.remoteAddress?.ipAddress ?? ""
    }
}

/// How many requests a second a caller may make, and how many at once.
struct RateLimit: Sendable, Hashable {
    var burst: Double
    var perSecond: Double
}

/// A bucket of tokens per caller and kind of request (a leaky bucket as a meter).
final class RateLimiter: Sendable {
    enum Kind: Hashable, Sendable {
        case read
        case change
        /// A change without the right token.
        case refused
    }

    private struct Key: Hashable {
        var kind: Kind
        var caller: String
    }

    private struct Bucket {
        var tokens: Double
        var last: ContinuousClock.Instant
    }

    private static let callers = 10_000
    private let limits: [Kind: RateLimit]
    private let buckets = Mutex<[Key: Bucket]>([:])

    init(limits: [Kind: RateLimit]) { self.limits = limits }

    /// Take a token.
    ///
    /// - Returns: nil where there was one, else the whole seconds until there is.
    func wait(_ kind: Kind, caller: String, now: ContinuousClock.Instant = .now) -> Int? {
        guard let limit = limits[kind] else { return nil }
        return buckets.withLock { buckets in
            let key = Key(kind: kind, caller: caller)
            // A caller that is forgotten starts with a full bucket, so the idle are the ones to forget.
            if buckets.count >= Self.callers { buckets = buckets.filter { now - $0.value.last < .seconds(60) } }
            if buckets.count >= Self.callers, buckets[key] == nil { return 60 }
            var bucket = buckets[key] ?? Bucket(tokens: limit.burst, last: now)
            bucket.tokens = min(limit.burst, bucket.tokens + (now - bucket.last) / .seconds(1) * limit.perSecond)
            bucket.last = now
            defer { buckets[key] = bucket }
            guard bucket.tokens >= 1 else { return max(1, Int(((1 - bucket.tokens) / limit.perSecond).rounded(.up))) }
            bucket.tokens -= 1
            return nil
        }
    }
}

/// Whether two texts are equal, in a time that depends on the first one's length alone.
func equalInConstantTime(_ given: String, _ secret: String) -> Bool {
    let a = Array(given.utf8)
    let b = Array(secret.utf8)
    guard !b.isEmpty else { return false }
    var difference = UInt8(a.count == b.count ? 0 : 1)
    for index in a.indices { difference |= a[index] ^ b[index % b.count] }
    return difference == 0
}
