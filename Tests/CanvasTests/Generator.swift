import Canvas

/// A seeded generator (SplitMix64), so that a property's counterexample comes back.
struct Generator: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
        return z ^ z >> 31
    }

    mutating func int(_ range: ClosedRange<Int64>) -> Int64 { Int64.random(in: range, using: &self) }

    mutating func double(_ range: ClosedRange<Double>) -> Double { Double.random(in: range, using: &self) }

    /// Return a random geometry.
    mutating func geometry() throws -> WindowGeometry {
        let core = Int64(32) << int(0...3)
        return try WindowGeometry(core: core, margin: 4 * int(0...3 * core / 8))
    }

    /// Return a world or a plane of random geometry.
    mutating func canvas() throws -> Canvas {
        let surface: Canvas.Surface = Bool.random(using: &self) ? .webMercator : .plane(metresPerPixel: 2)
        return Canvas(surface: surface, baseZoom: Int(int(0...6)), geometry: try geometry())
    }

    /// Return a core of a level, on the canvas where it ends.
    mutating func core(on canvas: Canvas, level: Int) -> Core {
        let count = canvas.worldCores(level: level)
        let range = count.map { 0...$0 - 1 } ?? -100_000...100_000
        return Core(level: level, column: int(range), row: int(range))
    }

    /// Return a set of cores with holes, and the same cores listed.
    mutating func cores(span: Int64) -> (CoreSet, Set<Place>) {
        let firstRow = int(-span...span)
        var listed: Set<Place> = []
        let spans: [[Range<Int64>]] = (0..<int(0...span)).map { line in
            (0..<int(0...3)).map { _ in
                let start = int(-span...span)
                let range = start..<start + int(0...span / 2)
                for column in range { listed.insert(Place(column: column, row: firstRow + line)) }
                return range
            }
        }
        return (CoreSet(firstRow: firstRow, spans: spans), listed)
    }
}

struct Place: Hashable, Comparable {
    var column: Int64
    var row: Int64

    static func < (a: Place, b: Place) -> Bool { (a.row, a.column) < (b.row, b.column) }
}

extension CoreSet {
    /// The cores in the order the set lists them.
    var places: [Place] {
        var result: [Place] = []
        forEach { result.append(Place(column: $0, row: $1)) }
        return result
    }
}

func world(_ baseZoom: Int = 5, geometry: WindowGeometry = .standard) -> Canvas {
    Canvas(surface: .webMercator, baseZoom: baseZoom, geometry: geometry)
}

func plane(geometry: WindowGeometry = .standard) -> Canvas {
    Canvas(surface: .plane(metresPerPixel: 1), baseZoom: 0, geometry: geometry)
}
