/// The cores that share area with a polygon, found row by row.
///
/// A row's cores are those whose inside is met by an edge clipped to the row's band, and those between pairs of
/// crossings of its middle line (even-odd): a core that no edge enters is wholly inside or wholly outside, so the
/// middle line decides. Edges along the sides of cores enter none: a polygon that ends at the antimeridian does not
/// reach the cores beyond it.
struct PolygonCover {
    private struct Edge {
        var x0, y0, x1, y1: Double
    }

    private let canvas: Canvas
    private let level: Int
    private let edges: [Edge]

    init(rings: [[GeoPoint]], canvas: Canvas, level: Int) throws {
        let zoom = canvas.zoom(level: level)
        let size = Double(canvas.geometry.core)
        var edges: [Edge] = []
        for ring in rings {
            guard ring.count >= 3 else {
                throw CanvasError.region("a polygon ring has \(ring.count) points, it needs at least three")
            }
            let points = try ring.map { point in
                guard abs(point.longitude) <= 360, abs(point.latitude) <= 90 else {
                    throw CanvasError.region(
                        "point \(point.longitude),\(point.latitude) is not longitude,latitude in degrees")
                }
                return (
                    x: WebMercator.x(longitude: point.longitude, zoom: zoom) / size,
                    y: WebMercator.y(latitude: point.latitude, zoom: zoom) / size
                )
            }
            for (a, b) in zip(points, points.dropFirst() + points.prefix(1)) where a != b {
                edges.append(Edge(x0: a.x, y0: a.y, x1: b.x, y1: b.y))
            }
        }
        self.canvas = canvas
        self.level = level
        self.edges = edges
    }

    /// - Throws: `CanvasError.region` where they are too many rows.
    /// - Complexity: O(rows + Σ rows met by each edge).
    func cores() throws -> CoreSet {
        let low = edges.map { min($0.y0, $0.y1) }.min() ?? 0
        let high = edges.map { max($0.y0, $0.y1) }.max() ?? 0
        let first = Int64(low.rounded(.down))
        let end = Int64(high.rounded(.up))
        try Canvas.requireRows(first..<end)
        var spans = [[Range<Int64>]](repeating: [], count: Int(end - first))
        var crossings = [[Double]](repeating: [], count: spans.count)
        for edge in edges {
            let top = Int64(min(edge.y0, edge.y1).rounded(.down))
            let bottom = Int64(max(edge.y0, edge.y1).rounded(.up))
            for row in top..<bottom {
                let line = Int(row - first)
                spans[line].append(Self.columns(of: edge, in: Double(row)...Double(row + 1)))
                if let x = Self.crossing(of: edge, at: Double(row) + 0.5) { crossings[line].append(x) }
            }
        }
        for (line, xs) in crossings.enumerated() {
            let sorted = xs.sorted()
            for pair in stride(from: 0, to: sorted.count - 1, by: 2) {
                spans[line].append(Int64(sorted[pair].rounded(.down))..<Int64(sorted[pair + 1].rounded(.up)))
            }
        }
        return canvas.clipped(CoreSet(firstRow: first, spans: spans), level: level)
    }

    private static func columns(of edge: Edge, in band: ClosedRange<Double>) -> Range<Int64> {
        let xs = [(edge.x0, edge.y0), (edge.x1, edge.y1)].map { x, y in
            let clamped = min(max(y, band.lowerBound), band.upperBound)
            return clamped == y ? x : edge.x0 + (clamped - edge.y0) / (edge.y1 - edge.y0) * (edge.x1 - edge.x0)
        }
        return Int64(min(xs[0], xs[1]).rounded(.down))..<Int64(max(xs[0], xs[1]).rounded(.up))
    }

    private static func crossing(of edge: Edge, at y: Double) -> Double? {
        guard (edge.y0 <= y) != (edge.y1 <= y) else { return nil }
        return edge.x0 + (y - edge.y0) / (edge.y1 - edge.y0) * (edge.x1 - edge.x0)
    }
}
