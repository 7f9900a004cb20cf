public import Canvas
internal import Foundation

/// Which pixels of a base tile have data.
enum TileValidity {
    case empty
    case full
    /// 256 · 256 bits in row order.
    case mixed([UInt64])

    init(_ bits: [Bool]) {
        if !bits.contains(true) {
            self = .empty
        } else if !bits.contains(false) {
            self = .full
        } else {
            var words = [UInt64](repeating: 0, count: bits.count / 64)
            for (index, bit) in bits.enumerated() where bit { words[index / 64] |= 1 << UInt64(index % 64) }
            self = .mixed(words)
        }
    }

    /// Return whether any pixel of a square has data.
    func any(x: Int, y: Int, side: Int) -> Bool {
        guard case .mixed(let words) = self else {
            if case .full = self { return true }
            return false
        }
        return (y..<y + side).contains { row in
            (x..<x + side).contains { words[row * 4 + $0 / 64] >> UInt64($0 % 64) & 1 == 1 }
        }
    }
}

/// Validity of base tiles, once found; thread-safe through its lock.
final class ValidityCache: @unchecked Sendable {
    private let lock = NSLock()
    private var entries: [Tile: TileValidity] = [:]

    subscript(tile: Tile) -> TileValidity? {
        get { lock.withLock { entries[tile] } }
        set { lock.withLock { entries[tile] = newValue } }
    }
}

extension BaseMap {
    /// Return the candidates that hold at least one base pixel with data.
    ///
    /// A core of level k stands on the base pixels it is made from: the answer is a function of the raster and of the
    /// core alone, whatever the other candidates are.
    /// - Parameter candidates: Cores of `level`, 0 or more, with columns wrapped as `Plan` has them.
    /// - Throws: `RasterError.read`.
    /// - Complexity: O(base tiles under the candidates + cores of tiles that are partly without data). Rasters with
    ///   nodata or masks are read under the candidates; others only along the outlines of their squares of tiles.
    public func coverage(level: Int, candidates: CoreSet) throws -> CoreSet {
        guard level >= 0, level <= 15 else {
            throw RasterError.read(path: path, reason: "level \(level) is not in 0 … 15")
        }
        let core = canvas.geometry.core
        let scale = Int64(1) << Int64(2 * level)
        let perTile = WindowGeometry.tile * scale / core
        let side = max(1, Int(core / scale))
        let spans = try candidates.rows.map { row -> [Range<Int64>] in
            let tileY = row.floorDivided(by: perTile)
            let y = Int((row - tileY * perTile) * core / scale)
            return try candidates.spans(row: row).flatMap { span -> [Range<Int64>] in
                var kept: [Range<Int64>] = []
                for tileX in span.lowerBound.floorDivided(by: perTile)...(span.upperBound - 1).floorDivided(by: perTile)
                {
                    let part = span.clamped(to: tileX * perTile..<(tileX + 1) * perTile)
                    let validity = try tileValidity(Tile(zoom: canvas.baseZoom, x: tileX, y: tileY))
                    switch validity {
                    case .empty: break
                    case .full: kept.append(part)
                    case .mixed:
                        for column in part
                        where validity.any(x: Int((column - tileX * perTile) * core / scale), y: y, side: side) {
                            kept.append(column..<column + 1)
                        }
                    }
                }
                return kept
            }
        }
        return CoreSet(firstRow: candidates.rows.lowerBound, spans: spans)
    }

    private func tileValidity(_ tile: Tile) throws -> TileValidity {
        guard let address = try normalized(tile), extent.meets(address) else { return .empty }
        if let known = validity[address] { return known }
        let found: TileValidity
        if raster.bands.hasHoles || !raster.isGeoreferenced {
            let pixels = try self.tile(address).pixels
            found = TileValidity(stride(from: 3, to: pixels.count, by: 4).map { pixels[$0] != 0 })
        } else if let square = enclosed(address) {
            for y in square.y..<square.y + square.side {
                for x in square.x..<square.x + square.side {
                    validity[Tile(zoom: address.zoom, x: x, y: y)] = .full
                }
            }
            found = .full
        } else {
            found = TileValidity(resampler.validity(footprint(address)))
        }
        validity[address] = found
        return found
    }

    /// Return the largest square of tiles around a tile whose outline lies well inside the raster, if any.
    ///
    /// A map without jumps takes the inside of the square to the inside of its outline, so its pixels all have data.
    private func enclosed(_ tile: Tile) -> (x: Int64, y: Int64, side: Int64)? {
        var best: (x: Int64, y: Int64, side: Int64)?
        for order in 0...min(8, tile.zoom) {
            let side = Int64(1) << Int64(order)
            let x = tile.x.floorDivided(by: side) * side
            let y = tile.y.floorDivided(by: side) * side
            guard isEnclosed(x: x, y: y, side: side, zoom: tile.zoom) else { break }
            best = (x, y, side)
        }
        return best
    }

    private func isEnclosed(x: Int64, y: Int64, side: Int64, zoom: Int) -> Bool {
        let first = (x * WindowGeometry.tile, y * WindowGeometry.tile)
        let count = side * WindowGeometry.tile
        var longitudes: [Double] = []
        var latitudes: [Double] = []
        func add(_ px: Int64, _ py: Int64) {
            longitudes.append(WebMercator.longitude(x: Double(first.0 + px), zoom: zoom))
            latitudes.append(WebMercator.latitude(y: Double(first.1 + py), zoom: zoom))
        }
        for step in 0...count {
            add(step, 0)
            add(step, count)
            add(0, step)
            add(count, step)
        }
        raster.transform(&longitudes, &latitudes, toSource: true)
        let reach = 2.0
        return longitudes.indices.allSatisfy { index in
            longitudes[index] > reach && longitudes[index] < Double(width) - reach
                && latitudes[index] > reach && latitudes[index] < Double(height) - reach
        }
    }
}
