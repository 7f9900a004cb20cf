import Canvas
import Raster
import Testing

@Suite struct CoverageTests {
    /// Return the cores with data, core by core from pixels.
    private func reference(_ map: BaseMap, level: Int, _ candidates: CoreSet) throws -> CoreSet {
        var tiles: [Tile: RGBATile] = [:]
        let size = map.canvas.geometry.core
        let shift = Int64(2 * level)
        var spans = candidates.rows.map { _ in [Range<Int64>]() }
        try candidates.forEach { column, row in
            for y in ((row * size) >> shift)...(((row + 1) * size - 1) >> shift) {
                for x in ((column * size) >> shift)...(((column + 1) * size - 1) >> shift) {
                    let address = Tile(zoom: map.canvas.baseZoom, x: x >> 8, y: y >> 8)
                    let tile = try tiles[address] ?? map.tile(address)
                    tiles[address] = tile
                    if tile.pixels[4 * Int((y & 255) * 256 + (x & 255)) + 3] != 0 {
                        spans[Int(row - candidates.firstRow)].append(column..<column + 1)
                        return
                    }
                }
            }
        }
        return CoreSet(firstRow: candidates.firstRow, spans: spans)
    }

    @Test(arguments: [0, 1, 2, 4], [true, false])
    func equalsTheCoresWithDataPixelByPixel(level: Int, nodata: Bool) throws {
        let scratch = try Scratch()
        let source = try scratch.pixmap("n.ppm", width: 300, height: 300) { x, y, _ in
            nodata && (x - 150) * (x - 150) + (y - 100) * (y - 100) > 6000 ? 0 : 180
        }
        try run(
            "gdal_translate",
            [
                "-q", "-a_srs", "EPSG:32632", "-a_ullr", "400000", "5200000", "700000", "4900000", source,
                scratch.path("n.tif"),
            ] + (nodata ? ["-a_nodata", "0"] : []))
        let map = try BaseMap(path: scratch.path("n.tif"))
        let full = try Region.box(west: 7.4, south: 43.8, east: 11.9, north: 47.3).cores(on: map.canvas, level: level)
        let step = Int64(max(1, full.rows.count / 40))
        let candidates = CoreSet(
            columns: full.columns,
            rows: level < 4 ? full.rows : full.firstRow + 20 * step..<full.firstRow + 20 * step + 6)
        let found = try map.coverage(level: level, candidates: candidates)
        #expect(try found == reference(map, level: level, candidates))
        #expect(!found.isEmpty)
        let one = try #require(found.core(at: found.count / 2))
        let alone = CoreSet(columns: one.column..<one.column + 1, rows: one.row..<one.row + 1)
        #expect(try BaseMap(path: scratch.path("n.tif")).coverage(level: level, candidates: alone) == alone)
    }

    @Test func planLeavesOutWhatHasNoData() throws {
        let scratch = try Scratch()
        let source = try scratch.pixmap("c.ppm", width: 256, height: 256) { x, _, _ in x < 128 ? 90 : 0 }
        try run("gdal_translate", ["-q", "-a_nodata", "0", source, scratch.path("c.tif")])
        let map = try BaseMap(path: scratch.path("c.tif"))
        let plan = try Plan(
            region: .rect(PixelRect(x: 0, y: 0, width: 256, height: 256)), levels: 1, canvas: map.canvas,
            coverage: map.coverage)
        #expect(plan.sets[1] == CoreSet(columns: 0..<4, rows: 0..<8))
        #expect(plan.sets[0] == CoreSet(columns: 0..<1, rows: 0..<2))
    }
}
