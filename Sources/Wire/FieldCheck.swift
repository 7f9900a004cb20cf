/// The tests that fields of one kind of message must pass.
struct FieldCheck {
    let message: String

    func fail(_ field: String, _ problem: String) -> WireError {
        .field(message: message, field: field, problem: problem)
    }

    func range<Value: Comparable>(_ value: Value, _ bounds: ClosedRange<Value>, _ field: String) throws {
        guard bounds.contains(value) else {
            throw fail(field, "\(value) is not within \(bounds.lowerBound) … \(bounds.upperBound)")
        }
    }

    /// Test a text that others will log: its length, and that it holds no control characters.
    func text(_ value: String, _ field: String, limit: Int = Limits.string, empty: Bool = true) throws {
        guard value.utf8.count <= limit else {
            throw fail(field, "\(value.utf8.count) bytes of text, of at most \(limit)")
        }
        guard empty || !value.isEmpty else { throw fail(field, "is empty") }
        guard !value.unicodeScalars.contains(where: \.isControl) else {
            throw fail(field, "holds a control character")
        }
    }

    func count(_ value: Int, _ bounds: ClosedRange<Int>, _ field: String) throws {
        guard bounds.contains(value) else {
            throw fail(field, "\(value) elements, not \(bounds.lowerBound) … \(bounds.upperBound)")
        }
    }

    func address(level: Int, column: Int64, row: Int64) throws {
        try range(level, 1...Limits.level, "level")
        try range(column, -Limits.coordinate...Limits.coordinate, "column")
        try range(row, -Limits.coordinate...Limits.coordinate, "row")
    }

    func chunk(offset: UInt64, count: Int, total: UInt64, limit: UInt64) throws {
        try self.count(count, 1...Limits.chunk, "payload")
        try range(total, 1...limit, "total")
        guard offset <= total, UInt64(count) <= total - offset else {
            throw fail("offset", "\(count) bytes at \(offset) end beyond the total of \(total)")
        }
    }
}

extension Unicode.Scalar {
    /// C0, DEL and C1, and the two Unicode line ends.
    var isControl: Bool {
        value < 0x20 || (0x7F...0x9F).contains(value) || value == 0x2028 || value == 0x2029
    }
}

extension String {
    /// Return the text with control characters as spaces, cut to `limit` bytes of UTF-8.
    func legible(limit: Int) -> String {
        var scalars = String.UnicodeScalarView()
        var count = 0
        for scalar in unicodeScalars {
            count += UTF8.width(scalar)
            if count > limit { break }
            scalars.append(scalar.isControl ? " " : scalar)
        }
        return String(scalars)
    }
}
