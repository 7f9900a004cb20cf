import Canvas
import Testing

@Suite struct CoreSets {
    @Test func itHoldsWhatItWasGiven() {
        var generator = Generator(11)
        for _ in 0..<200 {
            let (set, listed) = generator.cores(span: 12)
            #expect(set.places == listed.sorted())
            #expect(set.count == listed.count && set.isEmpty == listed.isEmpty)
            for row in set.rows.lowerBound - 2..<set.rows.upperBound + 2 {
                for column: Int64 in -20..<20 {
                    #expect(
                        set.contains(column: column, row: row) == listed.contains(Place(column: column, row: row)))
                }
            }
            if let first = listed.map(\.column).min(), let last = listed.map(\.column).max() {
                #expect(set.columns == first..<last + 1)
            }
        }
    }

    @Test func indexAndCoreAtAreInverse() {
        var generator = Generator(12)
        for _ in 0..<100 {
            let (set, listed) = generator.cores(span: 12)
            for (index, place) in listed.sorted().enumerated() {
                #expect(set.index(column: place.column, row: place.row) == index)
                #expect(set.core(at: index).map { Place(column: $0.column, row: $0.row) } == place)
            }
            #expect(set.core(at: -1) == nil && set.core(at: set.count) == nil)
        }
    }

    @Test func unionAndIntersectionAreThoseOfSets() {
        var generator = Generator(13)
        for _ in 0..<300 {
            let (a, listA) = generator.cores(span: 8)
            let (b, listB) = generator.cores(span: 8)
            #expect(a.union(b).places == listA.union(listB).sorted())
            #expect(a.intersection(b).places == listA.intersection(listB).sorted())
            #expect(a.union(b) == b.union(a) && a.intersection(b) == b.intersection(a))
            #expect(a.union(a) == a && a.intersection(a) == a)
        }
    }

    @Test func intersectsFindsAnyCoreOfARectangle() {
        var generator = Generator(14)
        for _ in 0..<300 {
            let (set, listed) = generator.cores(span: 8)
            let (column, row) = (generator.int(-12...12), generator.int(-20...20))
            let columns = column..<column + generator.int(0...6)
            let rows = row..<row + generator.int(0...6)
            let expected = listed.contains { columns.contains($0.column) && rows.contains($0.row) }
            #expect(set.intersects(columns: columns, rows: rows) == expected)
        }
    }

    @Test func equalSetsAreEqualHoweverTheyAreWritten() {
        let merged = CoreSet(firstRow: 4, spans: [[0..<5]])
        #expect(CoreSet(firstRow: 3, spans: [[], [3..<5, 0..<3, 1..<2, 9..<9], []]) == merged)
        #expect(CoreSet(firstRow: 7, spans: [[], [2..<2]]).isEmpty)
        #expect(CoreSet(firstRow: 7, spans: []).places == CoreSet.empty.places)
    }
}
