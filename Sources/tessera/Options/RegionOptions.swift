import ArgumentParser
import Canvas
import Foundation

/// Which part of the map to render.
struct RegionOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "A box in degrees of longitude and latitude; west > east crosses the antimeridian.", valueName: "W,S,E,N"))
    var bbox: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "A rectangle in pixels of level 0, for a picture without georeference.", valueName: "x,y,width,height"))
    var rect: String?

    @Option(help: ArgumentHelp("Polygons in a GeoJSON file, in degrees.", valueName: "file.geojson"))
    var region: String?

    /// Return the region, nil for the whole raster.
    ///
    /// - Throws: `ValidationError` for contradictions, `CommandError` or `CanvasError` for a file that is no region.
    func parsed(hasBase: Bool) throws -> Region? {
        try check(hasBase: hasBase)
        if let bbox { return try Self.box(bbox) }
        if let rect { return try Self.rectangle(rect) }
        guard let region else { return nil }
        let data: Data
        do {
            data = try Data(contentsOf: URL(filePath: region))
        } catch {
            throw CommandError("--region \(region) cannot be read: \(error.localizedDescription)")
        }
        do {
            return try Region(geoJSON: data)
        } catch {
            throw CommandError("--region \(region): \(error)")
        }
    }

    /// Find contradictions, without touching files.
    func check(hasBase: Bool) throws {
        let given = [bbox.map { _ in "--bbox" }, rect.map { _ in "--rect" }, region.map { _ in "--region" }]
            .compactMap { $0 }
        guard given.count <= 1 else {
            throw ValidationError("\(given.joined(separator: " and ")) exclude each other: give one of them.")
        }
        guard !given.isEmpty || hasBase else {
            throw ValidationError(
                "Without --base the map is the whole world: say which part of it, "
                    + "for example --bbox=6.5,45.5,7.5,46.2.")
        }
        if let bbox { _ = try Self.box(bbox) }
        if let rect { _ = try Self.rectangle(rect) }
    }

    private static func box(_ text: String) throws -> Region {
        let numbers: [Double] = try NumberList.parse(
            text, option: "--bbox", form: "west,south,east,north in degrees", count: 4...4)
        let box = Region.box(west: numbers[0], south: numbers[1], east: numbers[2], north: numbers[3])
        do {
            _ = try box.cores(on: Canvas(surface: .webMercator, baseZoom: 0), level: 0)
        } catch {
            throw ValidationError("--bbox \(text): \(error).")
        }
        return box
    }

    private static func rectangle(_ text: String) throws -> Region {
        let numbers: [Int64] = try NumberList.parse(
            text, option: "--rect", form: "x,y,width,height in whole pixels", count: 4...4)
        guard numbers[2] > 0, numbers[3] > 0 else {
            throw ValidationError("--rect \(text) is empty: width and height must be 1 or more.")
        }
        return .rect(PixelRect(x: numbers[0], y: numbers[1], width: numbers[2], height: numbers[3]))
    }
}
