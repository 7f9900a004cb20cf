/// The SHA-256 of a model file.
public struct ModelDigest: Hashable, Sendable {
    public static let byteCount = 32

    private var storage: SIMD32<UInt8>

    /// Create a digest from its 32 bytes; nil for any other number.
    public init?(bytes: some Collection<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        storage = SIMD32(bytes)
    }

    /// Create a digest from 64 hexadecimal digits; nil for anything else.
    public init?(hex: String) {
        let digits = Array(hex.utf8)
        guard digits.count == 2 * Self.byteCount else { return nil }
        var storage = SIMD32<UInt8>()
        for i in 0..<Self.byteCount {
            guard let high = Self.value(digits[2 * i]), let low = Self.value(digits[2 * i + 1]) else { return nil }
            storage[i] = high << 4 | low
        }
        self.storage = storage
    }

    public var bytes: [UInt8] { (0..<Self.byteCount).map { storage[$0] } }

    public var hex: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

extension ModelDigest: CustomStringConvertible {
    public var description: String { hex }
}
