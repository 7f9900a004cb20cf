import Foundation

/// The part of the canvas a job asks for.
public enum Region: Hashable, Sendable {
    /// Longitude and latitude in degrees; west > east crosses the antimeridian.
    case box(west: Double, south: Double, east: Double, north: Double)
    /// Pixels of level 0.
    case rect(PixelRect)
    /// Polygons in longitude and latitude: outer ring and holes, each a list of points (RFC 7946, section 3.1.6).
    case polygons([[[GeoPoint]]])
}

/// A point in degrees.
public struct GeoPoint: Hashable, Sendable {
    public var longitude: Double
    public var latitude: Double

    public init(longitude: Double, latitude: Double) {
        self.longitude = longitude
        self.latitude = latitude
    }
}

extension Region {
    /// Return the cores of a level that share at least one pixel with the region.
    ///
    /// - Throws: `CanvasError.region` where the region is empty, out of range, needs a world the canvas is not,
    ///   looks mistyped (a crossing of the antimeridian that spans more than half the world), or where the canvas has
    ///   no such level.
    public func cores(on canvas: Canvas, level: Int) throws -> CoreSet {
        try canvas.requireLevel(level)
        switch self {
        case .rect(let rect): return try Self.cores(of: rect, on: canvas, level: level)
        case .box(let west, let south, let east, let north):
            return try Self.box(west: west, south: south, east: east, north: north, on: canvas, level: level)
        case .polygons(let polygons):
            try Self.requireWorld(canvas, "a polygon")
            let set = try polygons.reduce(CoreSet.empty) {
                try $0.union(PolygonCover(rings: $1, canvas: canvas, level: level).cores())
            }
            guard !set.isEmpty else { throw CanvasError.region("the polygons cover nothing") }
            return set
        }
    }

    private static func requireWorld(_ canvas: Canvas, _ what: String) throws {
        guard canvas.surface == .webMercator else {
            throw CanvasError.region(
                "\(what) needs a base map with georeference; this one has none: give --rect x,y,w,h in its pixels")
        }
    }

    /// The largest pixel coordinate of a plane at any level.
    private static let bound = Int64(1) << 44

    private static func cores(of rect: PixelRect, on canvas: Canvas, level: Int) throws -> CoreSet {
        guard rect.width > 0, rect.height > 0 else {
            throw CanvasError.region("rectangle \(rect.width)×\(rect.height) is empty: give x,y,width,height > 0")
        }
        let scale = Int64(1) << Int64(2 * level)
        let allowed = -bound / scale...bound / scale
        guard [rect.x, rect.y].allSatisfy(allowed.contains), max(rect.width, rect.height) <= bound / scale else {
            throw CanvasError.region("rectangle coordinates must stay below 2^44 pixels of the finest level")
        }
        return try canvas.cover(
            level: level, x: rect.x * scale..<(rect.x + rect.width) * scale,
            y: rect.y * scale..<(rect.y + rect.height) * scale)
    }

    private static func box(
        west: Double, south: Double, east: Double, north: Double, on canvas: Canvas, level: Int
    ) throws -> CoreSet {
        try requireWorld(canvas, "a longitude/latitude box")
        let text = "\(west),\(south),\(east),\(north)"
        guard [west, south, east, north].allSatisfy(\.isFinite) else {
            throw CanvasError.region("box \(text) is not four numbers")
        }
        guard abs(west) <= 360, abs(east) <= 360, abs(south) <= 90, abs(north) <= 90 else {
            throw CanvasError.region("box \(text) leaves the globe: order is west,south,east,north in degrees")
        }
        guard south < north else {
            throw CanvasError.region("box \(text): south must be below north (order is west,south,east,north)")
        }
        let span = east > west ? east - west : east - west + 360
        guard west != east, span > 0, span <= 360 else {
            throw CanvasError.region(
                "box \(text) is empty or wraps more than once: west and east may differ by 360° at most")
        }
        guard east > west || span <= 180 else {
            throw CanvasError.region(
                "box \(text): west > east would cross the antimeridian and span \(span)°; were they swapped?")
        }
        let zoom = canvas.zoom(level: level)
        let x0 = Int64(WebMercator.x(longitude: west, zoom: zoom).rounded(.down))
        let x1 = Int64(WebMercator.x(longitude: west + span, zoom: zoom).rounded(.up))
        let y0 = Int64(WebMercator.y(latitude: north, zoom: zoom).rounded(.down))
        let y1 = Int64(WebMercator.y(latitude: south, zoom: zoom).rounded(.up))
        guard y0 < y1 else {
            throw CanvasError.region("box \(text) lies beyond ±85.0511°, where Web Mercator ends")
        }
        return try canvas.cover(level: level, x: x0..<x1, y: y0..<y1)
    }
}

extension Canvas {
    /// - Throws: `CanvasError.region` where the canvas has no such level.
    func requireLevel(_ level: Int) throws {
        guard (0...Self.maximumZoom).contains(baseZoom) else {
            throw CanvasError.region("base zoom \(baseZoom) is not in 0 … \(Self.maximumZoom)")
        }
        guard level >= 0 else { throw CanvasError.region("level \(level) is below 0") }
        guard level <= 15, zoom(level: level) <= Self.maximumZoom else {
            throw CanvasError.region("\(level) levels from zoom \(baseZoom) end beyond zoom \(Self.maximumZoom)")
        }
    }

    /// - Throws: `CanvasError.region` where a set of that many rows would not fit in memory.
    static func requireRows(_ rows: Range<Int64>) throws {
        guard rows.count <= maximumRows else {
            throw CanvasError.region(
                "it spans \(rows.count) rows of windows, \(maximumRows) at most: ask for a smaller region or fewer levels"
            )
        }
    }

    private static let maximumRows = 1 << 22

    /// Return the cores that meet a range of pixels; wrapped, and without what lies beyond the poles' limit.
    ///
    /// - Throws: `CanvasError.region` where they are too many rows.
    func cover(level: Int, x: Range<Int64>, y: Range<Int64>) throws -> CoreSet {
        let size = geometry.core
        let columns = x.lowerBound.floorDivided(by: size)..<x.upperBound.ceilDivided(by: size)
        let rows = y.lowerBound.floorDivided(by: size)..<y.upperBound.ceilDivided(by: size)
        try Self.requireRows(rows)
        return clipped(CoreSet(columns: columns, rows: rows), level: level)
    }

    /// Return a set with columns wrapped at the antimeridian and rows beyond the poles' limit left out.
    func clipped(_ set: CoreSet, level: Int) -> CoreSet {
        guard let count = worldCores(level: level) else { return set }
        let rows = set.rows.clamped(to: 0..<count)
        return CoreSet(
            firstRow: rows.lowerBound,
            spans: rows.map { set.spans(row: $0).flatMap { Self.wrapped($0, modulo: count) } })
    }

    private static func wrapped(_ range: Range<Int64>, modulo count: Int64) -> [Range<Int64>] {
        guard range.count < count else { return [0..<count] }
        let start = range.lowerBound.wrapped(modulo: count)
        let end = start + Int64(range.count)
        return end <= count ? [start..<end] : [start..<count, 0..<end - count]
    }
}
