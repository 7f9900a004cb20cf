internal import Crypto
internal import Foundation

/// The first 64 bits of a SHA-256: names the bytes of a tile.
package enum Checksum {
    package static func of(_ bytes: [UInt8]) -> UInt64 {
        var hash = SHA256()
        bytes.withUnsafeBytes { hash.update(bufferPointer: $0) }
        return hash.finalize().prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}
