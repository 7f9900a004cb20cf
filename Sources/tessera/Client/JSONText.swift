import Foundation
import Monitor

enum JSONText {
    /// Return a value as one line of JSON.
    static func line(_ value: some Encodable) throws -> String {
        String(decoding: try APICoding.encoder().encode(value), as: UTF8.self)
    }
}
