/// The Hilbert curve over a square of 2ⁿ × 2ⁿ points, first quadrant first.
///
/// The order of the four quadrants of a square depends on the square alone, so the index of a point at order n + 1,
/// divided by four, is the index of its parent at order n: coarse and fine levels are walked alike.
public enum Hilbert {
    /// A square of the recursion: which quadrant comes when, and how each is turned.
    struct Turn {
        var swapped = false
        var flipped = false

        /// Return the offset (0 or 1 by axis) of the quadrant visited at `step` (0 … 3), and its own turn.
        func quadrant(_ step: Int) -> (x: Int64, y: Int64, turn: Turn) {
            // (0, 0), (0, 1), (1, 1), (1, 0): a Gray code.
            var x = Int64(step >> 1)
            var y = Int64((step ^ step >> 1) & 1)
            if swapped { (x, y) = (y, x) }
            if flipped { (x, y) = (1 - x, 1 - y) }
            switch step {
            case 0: return (x, y, Turn(swapped: !swapped, flipped: flipped))
            case 3: return (x, y, Turn(swapped: !swapped, flipped: !flipped))
            default: return (x, y, self)
            }
        }

        /// Return when a quadrant is visited: the inverse of `quadrant`.
        func step(x: Int64, y: Int64) -> Int {
            var (x, y) = flipped ? (1 - x, 1 - y) : (x, y)
            if swapped { (x, y) = (y, x) }
            return Int(2 * x + (x ^ y))
        }
    }

    /// Return the index of a point along the curve.
    ///
    /// - Parameters:
    ///   - x: 0 ..< 2ⁿ.
    ///   - y: 0 ..< 2ⁿ.
    ///   - order: n, at most 31.
    /// - Complexity: O(order).
    public static func index(x: Int64, y: Int64, order: Int) -> UInt64 {
        var turn = Turn()
        var result: UInt64 = 0
        for bit in stride(from: Int64(order) - 1, through: 0, by: -1) {
            let qx = (x >> bit) & 1
            let qy = (y >> bit) & 1
            let step = turn.step(x: qx, y: qy)
            result = result << 2 | UInt64(step)
            turn = turn.quadrant(step).turn
        }
        return result
    }
}
