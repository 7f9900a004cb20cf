internal import Canvas
internal import Foundation

/// A generous box around a raster, to leave out tiles that cannot meet it.
enum MapExtent {
    case plane(width: Int, height: Int)
    /// Longitudes `west … west + span` (span up to 360) and latitudes in degrees.
    case world(west: Double, span: Double, south: Double, north: Double)

    func meets(_ tile: Tile) -> Bool {
        let size = WindowGeometry.tile
        switch self {
        case .plane(let width, let height):
            let columns = tile.x.multipliedReportingOverflow(by: size)
            let rows = tile.y.multipliedReportingOverflow(by: size)
            guard !columns.overflow, !rows.overflow else { return false }
            return columns.partialValue < Int64(width) && columns.partialValue > -size
                && rows.partialValue < Int64(height) && rows.partialValue > -size
        case .world(let west, let span, let south, let north):
            let left = WebMercator.longitude(x: Double(tile.x * size), zoom: tile.zoom)
            let width = WebMercator.longitude(x: Double((tile.x + 1) * size), zoom: tile.zoom) - left
            let top = WebMercator.latitude(y: Double(tile.y * size), zoom: tile.zoom)
            let bottom = WebMercator.latitude(y: Double((tile.y + 1) * size), zoom: tile.zoom)
            guard top > south, bottom < north else { return false }
            let ahead = (left - west) - 360 * ((left - west) / 360).rounded(.down)
            return ahead < span || ahead + width > 360
        }
    }
}

/// What a grid of sample points tells about a georeferenced raster.
struct MapSurvey {
    /// The zoom, as a real number, whose pixels are as large as the raster's near its centre.
    var zoom: Double
    var extent: MapExtent

    private static let steps = 32

    init(raster: GDALRaster) throws {
        let steps = Self.steps
        var x: [Double] = []
        var y: [Double] = []
        for row in 0...steps {
            for column in 0...steps {
                x.append(Double(raster.width) * Double(column) / Double(steps))
                y.append(Double(raster.height) * Double(row) / Double(steps))
            }
        }
        let sourceX = x
        let sourceY = y
        raster.transform(&x, &y, toSource: false)
        let valid = x.indices.filter { x[$0].isFinite && y[$0].isFinite && abs(y[$0]) <= 90.01 }
        guard !valid.isEmpty else {
            throw RasterError.unsupported(
                path: raster.path,
                reason: "no point of it has a longitude and latitude: is its coordinate system right?")
        }
        extent = Self.extent(longitudes: valid.map { x[$0] }, latitudes: valid.map { y[$0] })
        let centre = (Double(raster.width) / 2, Double(raster.height) / 2)
        let byDistance = valid.filter { abs(y[$0]) < 85 }.sorted { a, b in
            let da = abs(sourceX[a] - centre.0) + abs(sourceY[a] - centre.1)
            let db = abs(sourceX[b] - centre.0) + abs(sourceY[b] - centre.1)
            return (da, a) < (db, b)
        }
        for index in byDistance {
            if let zoom = Self.zoom(of: raster, x: sourceX[index], y: sourceY[index]) {
                self.zoom = zoom
                return
            }
        }
        throw RasterError.unsupported(
            path: raster.path, reason: "it lies beyond ±85.0511°, where Web Mercator ends")
    }

    /// Return −log₂ of the width, in pixels of zoom 0, of the source pixel at a point.
    private static func zoom(of raster: GDALRaster, x: Double, y: Double) -> Double? {
        var xs = [x - 0.5, x + 0.5, x, x]
        var ys = [y, y, y - 0.5, y + 0.5]
        raster.transform(&xs, &ys, toSource: false)
        guard xs.allSatisfy(\.isFinite), ys.allSatisfy({ abs($0) < 85.05 }) else { return nil }
        let px = xs.map { WebMercator.x(longitude: $0, zoom: 0) }
        let py = ys.map { WebMercator.y(latitude: $0, zoom: 0) }
        func turn(_ difference: Double) -> Double { difference - 256 * (difference / 256).rounded() }
        let area = abs(turn(px[1] - px[0]) * (py[3] - py[2]) - turn(px[3] - px[2]) * (py[1] - py[0]))
        guard area > 0, area.isFinite else { return nil }
        return -log2(area) / 2
    }

    private static func extent(longitudes: [Double], latitudes: [Double]) -> MapExtent {
        let south = latitudes.min() ?? -90
        let north = latitudes.max() ?? 90
        let padding = max((north - south) / 8, 1e-4)
        let turned = longitudes.map { $0 - 360 * (($0 + 180) / 360).rounded(.down) }.sorted()
        var gap = (turned.first ?? 0) + 360 - (turned.last ?? 0)
        var west = turned.first ?? 0
        for (low, high) in zip(turned, turned.dropFirst()) where high - low > gap {
            gap = high - low
            west = high
        }
        let side = max((360 - gap) / 8, 1e-4)
        let nearPole = north + padding > 85 || south - padding < -85
        if gap - 2 * side < 45 || (nearPole && gap < 180) {
            return .world(west: -180, span: 360, south: south - padding, north: north + padding)
        }
        return .world(
            west: west - side, span: 360 - gap + 2 * side, south: south - padding, north: north + padding)
    }
}
