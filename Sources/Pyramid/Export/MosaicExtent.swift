internal import Canvas

/// Where a mosaic has pixels, as formats ask for it.
struct MosaicExtent {
    let canvas: Canvas
    let zoom: Int
    /// Rectangles of tiles of `zoom`, few and disjoint.
    let areas: [PixelRect]
    /// The rectangle of tiles around all of them.
    let tiles: PixelRect

    /// The most rectangles to tell apart.
    private static let limit = 64

    init(_ canvas: Canvas, zoom: Int, areas: [PixelRect]) {
        self.canvas = canvas
        self.zoom = zoom
        self.areas = Self.simplified(areas)
        tiles = areas.dropFirst().reduce(areas.first ?? PixelRect(x: 0, y: 0, width: 0, height: 0)) { $0.around($1) }
    }

    /// West, south, east and north in degrees. Over the antimeridian it is the whole world's width: what has no word for
    /// more gets this.
    var bounds: [Double] { box(tiles) }

    /// As `bounds`, but west of a region over the antimeridian is greater than east (RFC 7946, section 5.2).
    var wrappedBounds: [Double] {
        var box = bounds
        if let gap = innerGap {
            box[0] = WebMercator.longitude(x: pixel(gap.upperBound), zoom: zoom)
            box[2] = WebMercator.longitude(x: pixel(gap.lowerBound), zoom: zoom)
        }
        return box
    }

    /// The tiles of a coarser zoom under the mosaic.
    func tiles(zoom coarser: Int) -> PixelRect {
        let side = Int64(1) << Int64(zoom - coarser)
        let x = tiles.x.floorDivided(by: side)
        let y = tiles.y.floorDivided(by: side)
        return PixelRect(
            x: x, y: y, width: (tiles.x + tiles.width).ceilDivided(by: side) - x,
            height: (tiles.y + tiles.height).ceilDivided(by: side) - y)
    }

    /// Left, top, right and bottom in metres of EPSG:3857.
    func metres(_ tiles: PixelRect) -> (left: Double, top: Double, right: Double, bottom: Double) {
        let side = WindowGeometry.tile
        let low = WebMercator.metres(x: tiles.x * side, y: tiles.y * side, zoom: zoom)
        let high = WebMercator.metres(
            x: (tiles.x + tiles.width) * side, y: (tiles.y + tiles.height) * side, zoom: zoom)
        return (low.x, low.y, high.x, high.y)
    }

    /// Longitude and latitude of the corners of each area, counter-clockwise and closed.
    var rings: [[[Double]]] {
        areas.map { area in
            let box = box(area)
            return [[box[0], box[1]], [box[2], box[1]], [box[2], box[3]], [box[0], box[3]], [box[0], box[1]]]
        }
    }

    private func pixel(_ tile: Int64) -> Double { Double(tile * WindowGeometry.tile) }

    private func box(_ rect: PixelRect) -> [Double] {
        [
            WebMercator.longitude(x: pixel(rect.x), zoom: zoom),
            WebMercator.latitude(y: pixel(rect.y + rect.height), zoom: zoom),
            WebMercator.longitude(x: pixel(rect.x + rect.width), zoom: zoom),
            WebMercator.latitude(y: pixel(rect.y), zoom: zoom),
        ]
    }

    /// The widest run of empty columns, where it is wider than the one over the antimeridian.
    private var innerGap: Range<Int64>? {
        guard canvas.surface == .webMercator else { return nil }
        let outer = (Int64(1) << Int64(zoom)) - tiles.width
        var end = tiles.x
        var best: Range<Int64>?
        for area in areas.sorted(by: { $0.x < $1.x }) {
            if area.x > end, area.x - end > best.map({ Int64($0.count) }) ?? outer { best = end..<area.x }
            end = max(end, area.x + area.width)
        }
        return best
    }

    private static func simplified(_ areas: [PixelRect]) -> [PixelRect] {
        var areas = merged(areas)
        var side = Int64(1) << Int64(Cell.depth)
        while areas.count > limit, side < 1 << 40 {
            side *= 2
            var groups: [[Int64]: PixelRect] = [:]
            for area in areas {
                let key = [area.x.floorDivided(by: side), area.y.floorDivided(by: side)]
                groups[key] = groups[key]?.around(area) ?? area
            }
            areas = merged(Array(groups.values))
        }
        return areas
    }

    /// Join rectangles that have a whole side in common.
    private static func merged(_ areas: [PixelRect]) -> [PixelRect] {
        var rows: [PixelRect] = []
        for area in areas.sorted(by: { ($0.y, $0.height, $0.x) < ($1.y, $1.height, $1.x) }) {
            if let last = rows.last, last.y == area.y, last.height == area.height, last.x + last.width == area.x {
                rows[rows.count - 1].width += area.width
            } else {
                rows.append(area)
            }
        }
        var result: [PixelRect] = []
        for area in rows.sorted(by: { ($0.x, $0.width, $0.y) < ($1.x, $1.width, $1.y) }) {
            if let last = result.last, last.x == area.x, last.width == area.width, last.y + last.height == area.y {
                result[result.count - 1].height += area.height
            } else {
                result.append(area)
            }
        }
        return result
    }
}

extension PixelRect {
    /// Return the smallest rectangle around two.
    func around(_ other: PixelRect) -> PixelRect {
        let left = min(x, other.x)
        let top = min(y, other.y)
        return PixelRect(
            x: left, y: top, width: max(x + width, other.x + other.width) - left,
            height: max(y + height, other.y + other.height) - top)
    }
}
