import Canvas
import Foundation
import Testing

@testable import Pyramid

/// A user's own raster: a GeoTIFF in UTM with nodata, to a mosaic that GDAL finds where it should be.
@Suite struct GeoreferenceTests {
    /// Red in the west, blue in the east, and a square without data; 2 km pixels, UTM zone 32.
    private static func makeRaster(in scratch: Scratch) throws -> String {
        let raster = scratch.path("utm.tif")
        try Tessera.succeed(
            [
                "-q", "-of", "GTiff", "-ot", "Byte", "-bands", "3", "-burn", "200", "-burn", "40", "-burn", "40",
                "-outsize",
                "120", "80", "-a_srs", "EPSG:32632", "-a_ullr", "400000", "5200000", "640000", "5040000",
                scratch.path("plain.tif"),
            ], command: "gdal_create")
        let east = [520_000, 5_200_000, 640_000, 5_040_000]
        let hole = [440_000, 5_160_000, 480_000, 5_120_000]
        for (name, box, colour) in [("east", east, [40, 40, 200]), ("hole", hole, [0, 0, 0])] {
            try square(box).write(to: scratch.url(name + ".geojson"), atomically: true, encoding: .utf8)
            let bands = zip(1..., colour).flatMap { ["-b", "\($0)", "-burn", "\($1)"] }
            try Tessera.succeed(
                ["-q"] + bands + [scratch.path(name + ".geojson"), scratch.path("plain.tif")], command: "gdal_rasterize"
            )
        }
        try Tessera.succeed(["-q", "-a_nodata", "0", scratch.path("plain.tif"), raster], command: "gdal_translate")
        return raster
    }

    private static func square(_ box: [Int]) -> String {
        let ring = [(0, 1), (2, 1), (2, 3), (0, 3), (0, 1)].map { "[\(box[$0.0]),\(box[$0.1])]" }
        return """
            {"type": "FeatureCollection", "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32632"}},
            "features": [{"type": "Feature", "properties": {},
            "geometry": {"type": "Polygon", "coordinates": [[\(ring.joined(separator: ","))]]}}]}
            """
    }

    /// The pixel of a file under a point of UTM zone 32, band by band, as GDAL reads it.
    private func pixel(_ file: String, _ x: Int, _ y: Int) throws -> [Int] {
        let text = try Tessera.succeed(
            ["-valonly", "-l_srs", "EPSG:32632", file, "\(x)", "\(y)"], command: "gdallocationinfo")
        return text.split(separator: "\n").compactMap { Int($0) }
    }

    @Test func theMosaicLiesWhereTheRasterDoes() throws {
        let scratch = try Scratch()
        let base = try Self.makeRaster(in: scratch)
        let out = scratch.path("mosaic")
        try Tessera.succeed([
            "render", "--base", base, "--levels", "1", "--seed", "3", "--out", out, "--model",
            try Reference.path("small/model.safetensors"), "--sampler", "ddim", "--steps", "3",
        ])
        let coarse = try cell(out, level: 0)
        let fine = try cell(out, level: 1)
        let west = (x: 420_000, y: 5_080_000)
        let east = (x: 600_000, y: 5_080_000)
        #expect(try pixel(coarse, west.x, west.y) == [200, 40, 40, 255])
        #expect(try pixel(coarse, east.x, east.y) == [40, 40, 200, 255])
        for point in [west, east] { #expect(try pixel(fine, point.x, point.y).last == 255) }
        // One pixel of the map (2 km) on either side of the hole's edges and of the raster's.
        for (x, y, alpha) in [
            (460_000, 5_140_000, 0), (443_000, 5_140_000, 0), (437_000, 5_140_000, 255), (460_000, 5_157_000, 0),
            (460_000, 5_163_000, 255), (637_000, 5_100_000, 255), (643_000, 5_100_000, 0),
        ] {
            #expect(try pixel(fine, x, y).last == alpha, "at \(x), \(y)")
        }
        #expect(try pixel(fine, 460_000, 5_140_000) == [0, 0, 0, 0], "no stray colour where there is no data")
        try checkGrid(fine, zoom: 8)
    }

    /// The one file of cells of a level.
    private func cell(_ mosaic: String, level: Int) throws -> String {
        let folder = "\(mosaic)/levels/\(level)"
        let names = try FileManager.default.contentsOfDirectory(atPath: folder)
        return folder + "/" + (try #require(names.first { $0.hasPrefix("cell_") && $0.hasSuffix(".mbtiles") }))
    }

    /// Origin and pixel size must be those of WebMercatorQuad.
    private func checkGrid(_ file: String, zoom: Int) throws {
        let text = try Tessera.succeed(["-json", file], command: "gdalinfo")
        let info = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        let transform = try #require(info["geoTransform"] as? [Double])
        let pixel = 156_543.033928041 / Double(1 << zoom)
        #expect(abs(transform[1] - pixel) < 1e-6 && abs(transform[5] + pixel) < 1e-6)
        let column = (transform[0] + 20_037_508.3427892) / pixel
        let row = (20_037_508.3427892 - transform[3]) / pixel
        #expect(abs(column - column.rounded()) < 1e-4 && abs(row - row.rounded()) < 1e-4, "\(column), \(row)")
        #expect(text.contains("3857"))
    }

    @Test func exportedTilesOpenThroughGDAL() throws {
        let scratch = try Scratch()
        try Tessera.succeed(render(Alps.east, to: scratch.path("mosaic"), levels: 1))
        try Tessera.succeed(["export", "xyz", scratch.path("mosaic"), scratch.path("xyz")])
        let description = """
            <GDAL_WMS><Service name="TMS"><ServerUrl>file://\(scratch.path("xyz"))/${z}/${x}/${y}.png</ServerUrl></Service>
            <DataWindow><UpperLeftX>-20037508.3427892</UpperLeftX><UpperLeftY>20037508.3427892</UpperLeftY>
            <LowerRightX>20037508.3427892</LowerRightX><LowerRightY>-20037508.3427892</LowerRightY><TileLevel>7</TileLevel>
            <TileCountX>1</TileCountX><TileCountY>1</TileCountY><YOrigin>top</YOrigin></DataWindow>
            <Projection>EPSG:3857</Projection><BlockSizeX>256</BlockSizeX><BlockSizeY>256</BlockSizeY>
            <BandsCount>4</BandsCount><ZeroBlockHttpCodes>204,404</ZeroBlockHttpCodes></GDAL_WMS>
            """
        try description.write(to: scratch.url("tms.xml"), atomically: true, encoding: .utf8)
        let longitude = "\(268.513 / 512 * 360 - 180)"
        let cell = try self.cell(scratch.path("mosaic"), level: 1)
        let values = try [scratch.path("tms.xml"), cell].map {
            try Tessera.succeed(["-valonly", "-wgs84", $0, longitude, "46.3"], command: "gdallocationinfo")
        }
        #expect(values[0] == values[1])
        #expect(values[0].split(separator: "\n").last == "255")
    }
}

/// A picture without georeference lies on a plane with its corner at the origin.
@Suite struct PictureTests {
    @Test func aRectangleOfAPictureIsRendered() throws {
        let scratch = try Scratch()
        let picture = scratch.path("painted.png")
        try Tessera.succeed(
            ["-q", "-of", "PNG", "-outsize", "300", "200", "-bands", "3", "-burn", "20", "-burn", "90", "-burn", "30"]
                + [picture], command: "gdal_create")
        let out = scratch.path("mosaic")
        try Tessera.succeed([
            "render", "--base", picture, "--rect=-20,150,100,100", "--resolution", "4000", "--levels", "1", "--seed",
            "3",
            "--out", out, "--model", try Reference.path("small/model.safetensors"), "--sampler", "ddim", "--steps", "3",
        ])
        let mosaic = try Mosaic(reading: URL(filePath: out))
        let base = try mosaic.read(PixelRect(x: 0, y: 190, width: 2, height: 20), level: 0)
        #expect(Array(base[0..<4]) == [20, 90, 30, 255])
        #expect(Array(base.suffix(4)) == [0, 0, 0, 0], "below the picture there is nothing")
        let fine = try mosaic.read(PixelRect(x: 0, y: 798, width: 1, height: 4), level: 1)
        #expect(stride(from: 3, to: 16, by: 4).map { fine[$0] } == [255, 255, 0, 0], "the picture ends at row 800")
        let files = try FileManager.default.contentsOfDirectory(atPath: out + "/levels/0")
        #expect(!files.contains { $0.contains("-") }, "nothing is stored where the picture is not: \(files)")
        try Tessera.succeed(["export", "xyz", out, scratch.path("xyz")])
        #expect(FileManager.default.fileExists(atPath: scratch.path("xyz/3/0/3.png")))
    }
}
