internal import Crypto
internal import Foundation

/// SHA-256.
package enum Checksum {
    /// Return the digest of bytes in hexadecimal.
    package static func hex(_ bytes: [UInt8]) -> String {
        SHA256.hash(data: bytes).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// Return the first 64 bits of the digest: they name the bytes of a tile.
    package static func of(_ bytes: [UInt8]) -> UInt64 {
        var hash = SHA256()
        bytes.withUnsafeBytes { hash.update(bufferPointer: $0) }
        return hash.finalize().prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}
