/// A walk over the cores of a set along a Hilbert curve, made as it goes.
///
/// The curve's square is aligned to powers of two of the canvas, so the walks of neighbouring levels follow the same
/// path over the ground. Memory is O(log extent); a set of 10⁸ cores is never listed.
public struct HilbertWalk: Sequence, IteratorProtocol, Sendable {
    private struct Square {
        var x: Int64
        var y: Int64
        var order: Int
        var turn: Hilbert.Turn
    }

    private let set: CoreSet
    private var stack: [Square] = []

    public init(_ set: CoreSet, within frame: HilbertFrame? = nil) {
        self.set = set
        guard !set.isEmpty else { return }
        let frame = frame ?? HilbertFrame(around: set)
        stack = [Square(x: frame.x, y: frame.y, order: frame.order, turn: Hilbert.Turn())]
    }

    public mutating func next() -> (column: Int64, row: Int64)? {
        while let square = stack.popLast() {
            let side = Int64(1) << Int64(square.order)
            guard set.intersects(columns: square.x..<square.x + side, rows: square.y..<square.y + side) else {
                continue
            }
            if square.order == 0 { return (square.x, square.y) }
            for step in (0..<4).reversed() {
                let quadrant = square.turn.quadrant(step)
                stack.append(
                    Square(
                        x: square.x + quadrant.x * side / 2, y: square.y + quadrant.y * side / 2,
                        order: square.order - 1, turn: quadrant.turn))
            }
        }
        return nil
    }
}

/// The square of 2ⁿ × 2ⁿ cores that a Hilbert curve fills.
public struct HilbertFrame: Hashable, Sendable {
    public let x: Int64
    public let y: Int64
    public let order: Int

    /// Create the smallest frame around a set whose corner is a multiple of half its side.
    public init(around set: CoreSet) {
        let columns = set.columns
        let rows = set.rows
        var order = 0
        var corner: (Int64, Int64) = (columns.lowerBound, rows.lowerBound)
        while true {
            let side = Int64(1) << Int64(order)
            let grid = max(1, side / 2)
            corner = (
                columns.lowerBound.floorDivided(by: grid) * grid, rows.lowerBound.floorDivided(by: grid) * grid
            )
            if corner.0 + side >= columns.upperBound, corner.1 + side >= rows.upperBound { break }
            order += 1
        }
        (x, y) = corner
        self.order = order
    }

    private init(x: Int64, y: Int64, order: Int) {
        self.x = x
        self.y = y
        self.order = order
    }

    /// Return the frame over the same ground `levels` levels finer.
    public func finer(by levels: Int) -> HilbertFrame {
        let shift = Int64(2 * levels)
        return HilbertFrame(x: x << shift, y: y << shift, order: order + 2 * levels)
    }

    /// Return a core's place on the curve.
    public func index(column: Int64, row: Int64) -> UInt64 {
        Hilbert.index(x: column - x, y: row - y, order: order)
    }
}
