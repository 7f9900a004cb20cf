/// Parse the JSON header of a safetensors file.
///
/// The header has a fixed form (an object of tensor entries and a map of strings), so a scanner for exactly that form
/// needs no recursion, builds no tree, and sees duplicate names and integers beyond 64 bits, which general JSON readers
/// pass over.
///
/// - Complexity: linear in the header's bytes; memory is bounded by them and by ``maximumTensors``.
struct SafetensorsHeaderParser {
    struct Entry {
        var name: String
        var type: ElementType
        var shape: [Int]
        var begin: Int
        var end: Int
    }

    static let maximumTensors = 65_536
    static let maximumRank = 8

    private let bytes: UnsafeBufferPointer<UInt8>
    private var position = 0

    private(set) var entries: [Entry] = []
    private(set) var metadata: [String: String] = [:]

    init(_ bytes: UnsafeBufferPointer<UInt8>) throws(SafetensorsError) {
        self.bytes = bytes
        try parse()
    }

    private mutating func parse() throws(SafetensorsError) {
        var names = Set<String>()
        try expect(UInt8(ascii: "{"))
        if try !skip(UInt8(ascii: "}")) {
            repeat {
                let name = try string()
                guard names.insert(name).inserted else {
                    throw SafetensorsError(.duplicateName, tensor: name, "the header names it twice")
                }
                try expect(UInt8(ascii: ":"))
                if name == "__metadata__" {
                    try parseMetadata()
                } else {
                    guard entries.count < Self.maximumTensors else {
                        throw SafetensorsError(.tooManyTensors, "more than \(Self.maximumTensors) tensors")
                    }
                    do {
                        entries.append(try entry(name))
                    } catch {
                        throw SafetensorsError(error.code, tensor: name, error.reason, remedy: error.remedy)
                    }
                }
            } while try more(UInt8(ascii: "}"))
        }
        skipSpace()
        guard position == bytes.count else { throw invalid("text follows the header's closing brace") }
    }

    private mutating func parseMetadata() throws(SafetensorsError) {
        try expect(UInt8(ascii: "{"))
        if try skip(UInt8(ascii: "}")) { return }
        repeat {
            let key = try string()
            try expect(UInt8(ascii: ":"))
            guard metadata.updateValue(try string(), forKey: key) == nil else {
                throw invalid("the metadata key “\(SafetensorsError.abbreviated(key))” occurs twice")
            }
        } while try more(UInt8(ascii: "}"))
    }

    private mutating func entry(_ name: String) throws(SafetensorsError) -> Entry {
        var type: ElementType?
        var shape: [Int]?
        var range: [Int]?
        try expect(UInt8(ascii: "{"))
        repeat {
            let key = try string()
            try expect(UInt8(ascii: ":"))
            switch key {
            case "dtype" where type == nil:
                let text = try string()
                type = ElementType(rawValue: text)
                if type == nil {
                    throw SafetensorsError(
                        .unknownElementType, tensor: name,
                        "element type “\(SafetensorsError.abbreviated(text))” is none of F16, BF16, F32",
                        remedy: "Export the model with floating-point weights.")
                }
            case "shape" where shape == nil: shape = try integers(atMost: Self.maximumRank, of: name)
            case "data_offsets" where range == nil: range = try integers(atMost: 2, of: name)
            default:
                throw SafetensorsError(
                    .invalidHeader, tensor: name,
                    "its entry has an unknown or repeated key “\(SafetensorsError.abbreviated(key))”")
            }
        } while try more(UInt8(ascii: "}"))
        guard let type, let shape, let range, range.count == 2 else {
            throw SafetensorsError(
                .invalidHeader, tensor: name, "its entry lacks dtype, shape or the two data_offsets")
        }
        return Entry(name: name, type: type, shape: shape, begin: range[0], end: range[1])
    }

    private mutating func integers(atMost limit: Int, of name: String) throws(SafetensorsError) -> [Int] {
        var result: [Int] = []
        try expect(UInt8(ascii: "["))
        if try skip(UInt8(ascii: "]")) { return result }
        repeat {
            guard result.count < limit else {
                throw SafetensorsError(.invalidShape, tensor: name, "a list in its entry is longer than \(limit)")
            }
            result.append(try integer(of: name))
        } while try more(UInt8(ascii: "]"))
        return result
    }

    private mutating func integer(of name: String) throws(SafetensorsError) -> Int {
        skipSpace()
        let start = position
        var value = 0
        while position < bytes.count, case let digit = bytes[position], 48...57 ~= digit {
            let (product, high) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(Int(digit) - 48)
            guard !high, !carry else {
                throw SafetensorsError(.invalidShape, tensor: name, "a size or offset exceeds 64 bits")
            }
            value = sum
            position += 1
        }
        guard position > start, bytes[start] != 48 || position == start + 1 else {
            throw SafetensorsError(
                .invalidHeader, tensor: name, "byte \(start) of the header is no whole number of zero or more")
        }
        return value
    }

    // MARK: Tokens

    private mutating func skipSpace() {
        while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) { position += 1 }
    }

    private mutating func expect(_ byte: UInt8) throws(SafetensorsError) {
        guard try skip(byte) else { throw invalid("expected “\(Character(Unicode.Scalar(byte)))”") }
    }

    private mutating func skip(_ byte: UInt8) throws(SafetensorsError) -> Bool {
        skipSpace()
        guard position < bytes.count else { throw invalid("the header ends early") }
        guard bytes[position] == byte else { return false }
        position += 1
        return true
    }

    /// Pass a comma (true) or the closing bracket (false).
    private mutating func more(_ close: UInt8) throws(SafetensorsError) -> Bool {
        if try skip(UInt8(ascii: ",")) { return true }
        try expect(close)
        return false
    }

    private mutating func string() throws(SafetensorsError) -> String {
        try expect(UInt8(ascii: "\""))
        var units: [UInt8] = []
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: units, as: UTF8.self) else {
                    throw invalid("a string is not valid UTF-8")
                }
                return text
            case UInt8(ascii: "\\"): units.append(contentsOf: String(try escape()).utf8)
            case 0..<0x20: throw invalid("a string holds a control character")
            default: units.append(byte)
            }
        }
        throw invalid("a string does not end")
    }

    private mutating func escape() throws(SafetensorsError) -> Unicode.Scalar {
        guard position < bytes.count else { throw invalid("a string does not end") }
        let byte = bytes[position]
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"):
            let first = try hexadecimal()
            if let scalar = Unicode.Scalar(first) { return scalar }
            guard first < 0xDC00, position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
                bytes[position + 1] == UInt8(ascii: "u")
            else { throw invalid("a string holds half a surrogate pair") }
            position += 2
            let second = try hexadecimal()
            guard 0xDC00...0xDFFF ~= second,
                let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
            else { throw invalid("a string holds half a surrogate pair") }
            return scalar
        default: throw invalid("a string holds an unknown escape")
        }
    }

    private mutating func hexadecimal() throws(SafetensorsError) -> UInt32 {
        guard position + 4 <= bytes.count else { throw invalid("a string does not end") }
        var value: UInt32 = 0
        for byte in bytes[position..<position + 4] {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw invalid("a string holds an unknown escape")
            }
            value = value << 4 | UInt32(digit)
        }
        position += 4
        return value
    }

    private func invalid(_ what: String) -> SafetensorsError {
        SafetensorsError(.invalidHeader, "the header is not valid: \(what), at byte \(position)")
    }
}
