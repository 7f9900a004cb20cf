internal import CZMQ
internal import Foundation

/// A Curve25519 key of CURVE (ZeroMQ RFC 26): 32 bytes, written as 40 characters of Z85 (RFC 32).
public struct CurveKey: Hashable, Sendable, CustomStringConvertible {
    public static let byteCount = 32
    static let textLength = 40

    public let bytes: [UInt8]

    /// - Returns: nil where the bytes are not 32.
    public init?(bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        self.bytes = bytes
    }

    /// Parse 40 characters of Z85.
    ///
    /// - Throws: `KeyError` for anything else; the text is not repeated in it, since it may be a secret.
    public init(_ text: String) throws {
        var bytes = [UInt8](repeating: 0, count: Self.byteCount)
        guard text.utf8.count == Self.textLength, text.utf8.allSatisfy(Self.alphabet.contains),
            zmq_z85_decode(&bytes, text) != nil
        else { throw KeyError("a key is \(Self.textLength) characters of Z85, as `tessera keygen` writes them") }
        self.bytes = bytes
    }

    public var description: String {
        var text = [CChar](repeating: 0, count: Self.textLength + 1)
        guard zmq_z85_encode(&text, bytes, bytes.count) != nil else { return "" }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    private static let alphabet = Set(
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#".utf8)
}

/// A public key and its secret half, which is never printed.
public struct CurveKeyPair: Hashable, Sendable, CustomStringConvertible {
    public let publicKey: CurveKey
    let secret: CurveKey

    /// Make a new pair from the system's random numbers.
    public static func generate() throws -> CurveKeyPair {
        var publicText = [CChar](repeating: 0, count: CurveKey.textLength + 1)
        var secretText = publicText
        guard zmq_curve_keypair(&publicText, &secretText) == 0 else { throw TransportError.last("make a key pair") }
        return CurveKeyPair(publicKey: try CurveKey(cText: publicText), secret: try CurveKey(cText: secretText))
    }

    init(publicKey: CurveKey, secret: CurveKey) {
        self.publicKey = publicKey
        self.secret = secret
    }

    /// Derive the public half of a secret key.
    init(secret: CurveKey) throws {
        var text = [CChar](repeating: 0, count: CurveKey.textLength + 1)
        guard zmq_curve_public(&text, secret.description) == 0 else {
            throw TransportError.last("derive a public key")
        }
        self.init(publicKey: try CurveKey(cText: text), secret: secret)
    }

    public var description: String { "the key pair of \(publicKey)" }
}

extension CurveKey {
    fileprivate init(cText: [CChar]) throws {
        try self.init(String(decoding: cText.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self))
    }
}

/// A key, or a file of keys, that cannot be used.
public struct KeyError: Error, Hashable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}

/// How a socket keeps strangers out.
public enum Security: Hashable, Sendable {
    /// Everyone who reaches the address is let in: for loopback.
    case none
    /// CURVE, and only clients that a `CurveGate` of the same context admits; without one, nobody.
    case server(CurveKeyPair)
    /// CURVE: speak to the server with this key alone.
    case client(CurveKeyPair, server: CurveKey)
}
