/// What a worker may send that no lease pays for: a budget of messages and bytes that refills with time.
///
/// A result that is kept earns back what it and the messages around it cost, so honest work is never limited, however
/// fast it is.
struct Allowance {
    static let messages = 2_000.0
    static let messagesPerSecond = 200.0
    static let bytes = Double(64 << 20)
    static let bytesPerSecond = Double(8 << 20)
    /// Messages around one result: itself, its share of credit, progress and heartbeats.
    static let earned = 4.0

    private var messages = Self.messages
    private var bytes = Self.bytes
    private(set) var last: Duration

    init(now: Duration) { last = now }

    /// Pay for a message; returns false where the budget is exhausted.
    mutating func spend(bytes count: Int, now: Duration) -> Bool {
        let seconds = (now - last) / .seconds(1)
        last = now
        messages = min(Self.messages, messages + seconds * Self.messagesPerSecond) - 1
        bytes = min(Self.bytes, bytes + seconds * Self.bytesPerSecond) - Double(count)
        return messages >= 0 && bytes >= 0
    }

    /// Take the wages of a result that is kept.
    mutating func earn(bytes count: Int) {
        messages = min(Self.messages, messages + Self.earned)
        bytes = min(Self.bytes, bytes + 2 * Double(count))
    }
}
