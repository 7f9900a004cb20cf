/// A set of cores of one level, as ranges of columns in each row.
///
/// Memory grows with the number of rows and of ranges, not of cores; membership looks at the ranges of one row.
public struct CoreSet: Hashable, Sendable {
    public typealias Columns = Range<Int64>

    /// The first row; `spans[i]` belongs to row `firstRow + i`.
    public let firstRow: Int64
    /// Sorted, disjoint, non-adjacent ranges of columns in each row.
    public let spans: [[Columns]]
    /// `offsets[i]` cores lie in the rows before row i.
    private let offsets: [Int]

    public static let empty = CoreSet(firstRow: 0, spans: [])

    /// Create a set; ranges may be unsorted and overlap, rows may be empty.
    public init(firstRow: Int64, spans: [[Columns]]) {
        var rows = spans.map(Self.merged)
        while rows.last?.isEmpty == true { rows.removeLast() }
        let leading = rows.prefix(while: \.isEmpty).count
        rows.removeFirst(leading)
        self.firstRow = rows.isEmpty ? 0 : firstRow + Int64(leading)
        self.spans = rows
        var total = 0
        var offsets = [0]
        for row in rows {
            total += row.reduce(0) { $0 + $1.count }
            offsets.append(total)
        }
        self.offsets = offsets
    }

    /// Create the set of a rectangle of cores.
    public init(columns: Columns, rows: Range<Int64>) {
        self.init(firstRow: rows.lowerBound, spans: rows.map { _ in [columns] })
    }

    public var count: Int { offsets.last ?? 0 }
    public var isEmpty: Bool { count == 0 }
    public var rows: Range<Int64> { firstRow..<firstRow + Int64(spans.count) }

    /// The smallest range of columns around the set; empty where the set is.
    public var columns: Columns {
        let first = spans.compactMap(\.first?.lowerBound).min() ?? 0
        let end = spans.compactMap(\.last?.upperBound).max() ?? first
        return first..<end
    }

    /// Return the ranges of a row, empty outside the set.
    public func spans(row: Int64) -> [Columns] {
        rows.contains(row) ? spans[Int(row - firstRow)] : []
    }

    public func contains(column: Int64, row: Int64) -> Bool {
        index(column: column, row: row) != nil
    }

    /// Return the place of a core in row order, 0 ..< `count`, or nil where the set lacks it.
    ///
    /// - Complexity: O(ranges in the row).
    public func index(column: Int64, row: Int64) -> Int? {
        guard rows.contains(row) else { return nil }
        let line = Int(row - firstRow)
        var before = offsets[line]
        let ranges = spans[line]
        if ranges.count == 1 {
            return ranges[0].contains(column) ? before + Int(column - ranges[0].lowerBound) : nil
        }
        for range in ranges {
            if range.contains(column) { return before + Int(column - range.lowerBound) }
            if column < range.lowerBound { return nil }
            before += range.count
        }
        return nil
    }

    /// Return the ranges of a row, and how many cores lie in the rows before it; nil outside the set.
    package func line(_ row: Int64) -> (start: Int, spans: [Columns])? {
        guard row >= firstRow, row < firstRow + Int64(spans.count) else { return nil }
        let line = Int(row - firstRow)
        return (offsets[line], spans[line])
    }

    /// Return column and row of the core at a place in row order.
    ///
    /// - Complexity: O(log rows + ranges in the row).
    public func core(at index: Int) -> (column: Int64, row: Int64)? {
        guard index >= 0, index < count else { return nil }
        var low = 0
        var high = spans.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if offsets[middle] <= index { low = middle } else { high = middle }
        }
        var rest = index - offsets[low]
        for range in spans[low] {
            if rest < range.count { return (range.lowerBound + Int64(rest), firstRow + Int64(low)) }
            rest -= range.count
        }
        return nil
    }

    /// Return whether any core lies in the rectangle.
    public func intersects(columns: Columns, rows: Range<Int64>) -> Bool {
        rows.clamped(to: self.rows).contains { row in
            spans[Int(row - firstRow)].contains { $0.overlaps(columns) }
        }
    }

    public func union(_ other: CoreSet) -> CoreSet {
        if isEmpty { return other }
        if other.isEmpty { return self }
        let first = min(firstRow, other.firstRow)
        let end = max(rows.upperBound, other.rows.upperBound)
        return CoreSet(firstRow: first, spans: (first..<end).map { spans(row: $0) + other.spans(row: $0) })
    }

    public func intersection(_ other: CoreSet) -> CoreSet {
        let shared = rows.clamped(to: other.rows)
        return CoreSet(
            firstRow: shared.lowerBound,
            spans: shared.map { row in
                let theirs = other.spans(row: row)
                return spans(row: row).flatMap { mine in
                    theirs.map { mine.clamped(to: $0) }.filter { !$0.isEmpty }
                }
            })
    }

    /// Call `body` for every core in row order.
    public func forEach(_ body: (_ column: Int64, _ row: Int64) throws -> Void) rethrows {
        for (line, ranges) in spans.enumerated() {
            for range in ranges {
                for column in range { try body(column, firstRow + Int64(line)) }
            }
        }
    }

    private static func merged(_ ranges: [Columns]) -> [Columns] {
        var result: [Columns] = []
        for range in ranges.filter({ !$0.isEmpty }).sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = result.last, range.lowerBound <= last.upperBound {
                result[result.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
            } else {
                result.append(range)
            }
        }
        return result
    }
}
