import Canvas
import Testing

@Suite struct HilbertCurve {
    @Test(arguments: 0...6)
    func aFullSquareIsVisitedOnceFromNeighbourToNeighbour(order: Int) {
        let side = Int64(1) << Int64(order)
        let square = CoreSet(columns: 0..<side, rows: 0..<side)
        let walk = HilbertWalk(square).map { Place(column: $0.column, row: $0.row) }
        #expect(walk.sorted() == square.places)
        for (a, b) in zip(walk, walk.dropFirst()) {
            #expect(abs(a.column - b.column) + abs(a.row - b.row) == 1)
        }
    }

    @Test func anySetIsVisitedOnceInTheOrderOfTheIndex() {
        var generator = Generator(15)
        for _ in 0..<100 {
            let (set, listed) = generator.cores(span: 20)
            let walk = HilbertWalk(set).map { Place(column: $0.column, row: $0.row) }
            #expect(walk.sorted() == listed.sorted())
            guard !set.isEmpty else { continue }
            let frame = HilbertFrame(around: set)
            let indices = walk.map { frame.index(column: $0.column, row: $0.row) }
            #expect(zip(indices, indices.dropFirst()).allSatisfy(<))
        }
    }

    @Test func theIndexOfAParentIsAQuarterOfItsChilds() {
        var generator = Generator(16)
        for order in 1...31 {
            for _ in 0..<50 {
                let last = (Int64(1) << Int64(order)) - 1
                let (x, y) = (generator.int(0...last), generator.int(0...last))
                let index = Hilbert.index(x: x, y: y, order: order)
                #expect(index < 1 << UInt64(2 * order))
                #expect(Hilbert.index(x: x >> 1, y: y >> 1, order: order - 1) == index >> 2)
            }
        }
    }

    /// Two levels walk the same path over the ground: a level's cores come in the order of those above them.
    @Test func finerLevelsFollowCoarserOnes() {
        var generator = Generator(17)
        for _ in 0..<30 {
            let (set, _) = generator.cores(span: 10)
            guard !set.isEmpty else { continue }
            let frame = HilbertFrame(around: set)
            let finer = CoreSet(
                firstRow: 4 * set.firstRow,
                spans: set.spans.flatMap { row in
                    Array(repeating: row.map { 4 * $0.lowerBound..<4 * $0.upperBound }, count: 4)
                })
            var seen: [Place] = []
            for (column, row) in HilbertWalk(finer, within: frame.finer(by: 1)) {
                let above = Place(column: column >> 2, row: row >> 2)
                if seen.last != above { seen.append(above) }
            }
            #expect(seen == HilbertWalk(set, within: frame).map { Place(column: $0.column, row: $0.row) })
        }
    }

    @Test func aFrameIsSmallAndAligned() {
        var generator = Generator(18)
        for _ in 0..<200 {
            let (set, listed) = generator.cores(span: 30)
            guard !set.isEmpty else { continue }
            let frame = HilbertFrame(around: set)
            let side = Int64(1) << Int64(frame.order)
            #expect(frame.x % max(1, side / 2) == 0 && frame.y % max(1, side / 2) == 0)
            #expect(listed.allSatisfy { (frame.x..<frame.x + side).contains($0.column) })
            #expect(listed.allSatisfy { (frame.y..<frame.y + side).contains($0.row) })
            let extent = Int64(max(set.columns.count, set.rows.count))
            #expect(side < 4 * max(extent, 1))
        }
    }
}
