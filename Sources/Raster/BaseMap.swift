public import Canvas

/// A raster as level 0 of a canvas: any raster GDAL reads, in any coordinate system, 8 bits a band.
///
/// With a georeference, the raster is warped tile by tile on the grid of WebMercatorQuad, so a pixel never depends on
/// the region asked for. Without one it lies on a plane with its corner at the origin.
public final class BaseMap: Sendable {
    public let path: String
    /// Size of the raster in its own pixels.
    public let width: Int
    public let height: Int
    /// The canvas whose level 0 this map fills.
    public let canvas: Canvas
    public var isGeoreferenced: Bool { raster.isGeoreferenced }

    let raster: GDALRaster
    let resampler: Resampler
    let extent: MapExtent
    let validity = ValidityCache()

    /// The ground resolution assumed for a picture without georeference: that of the built-in map at the equator.
    public static let defaultMetresPerPixel = 4892.0

    /// Open a base map.
    ///
    /// - Parameters:
    ///   - path: A file, or any other name GDAL opens.
    ///   - zoom: The zoom of level 0; nil takes the one nearest in resolution at the raster's centre. A picture without
    ///     georeference takes the smallest zoom whose world of 256·2^zoom pixels holds it.
    ///   - metresPerPixel: Ground resolution of a picture without georeference.
    /// - Throws: `RasterError.open` or `.unsupported`.
    public init(
        path: String, zoom: Int? = nil, metresPerPixel: Double = BaseMap.defaultMetresPerPixel,
        geometry: WindowGeometry = .standard
    ) throws {
        let raster = try GDALRaster(path: path)
        self.path = path
        self.raster = raster
        width = raster.width
        height = raster.height
        resampler = Resampler(raster: raster)
        if let zoom, !(0...Canvas.maximumZoom).contains(zoom) {
            throw RasterError.unsupported(path: path, reason: "base zoom \(zoom) is not in 0 … \(Canvas.maximumZoom)")
        }
        guard raster.isGeoreferenced else {
            guard metresPerPixel.isFinite, metresPerPixel > 0 else {
                throw RasterError.unsupported(path: path, reason: "\(metresPerPixel) metres per pixel is not above 0")
            }
            let size = Int64(max(width, height))
            let smallest = (0...Canvas.maximumZoom).first { WindowGeometry.tile << Int64($0) >= size } ?? 0
            canvas = Canvas(
                surface: .plane(metresPerPixel: metresPerPixel), baseZoom: zoom ?? smallest, geometry: geometry)
            extent = .plane(width: width, height: height)
            return
        }
        let survey = try MapSurvey(raster: raster)
        let nearest = min(max(Int(survey.zoom.rounded()), 0), Canvas.maximumZoom)
        let chosen = zoom ?? nearest
        guard survey.zoom - Double(chosen) <= 9 else {
            throw RasterError.unsupported(
                path: path,
                reason: "base zoom \(chosen) is over 500 times coarser than the raster (zoom \(nearest)); "
                    + "reduce it first with gdal_translate -outsize, or give a finer base zoom")
        }
        canvas = Canvas(surface: .webMercator, baseZoom: chosen, geometry: geometry)
        extent = survey.extent
    }

    /// Return whether a tile of the base zoom may hold data; false where it lies outside of the raster.
    public func meets(_ tile: Tile) throws -> Bool {
        try normalized(tile).map(extent.meets) ?? false
    }

    /// Return the pixels of a tile of the base zoom; columns wrap at the antimeridian, beyond the poles' limit and
    /// outside of the raster there is no data.
    ///
    /// - Throws: `RasterError.read` where the file is damaged.
    public func tile(_ tile: Tile) throws -> RGBATile {
        let address = try normalized(tile)
        guard let address, extent.meets(address) else { return RGBATile() }
        guard raster.isGeoreferenced else { return try planeTile(address) }
        return try resampler.tile(footprint(address))
    }

    /// Return the tile with its column wrapped, or nil beyond the poles' limit.
    func normalized(_ tile: Tile) throws -> Tile? {
        guard tile.zoom == canvas.baseZoom else {
            throw RasterError.read(path: path, reason: "tile \(tile) is not of the base zoom \(canvas.baseZoom)")
        }
        guard canvas.surface == .webMercator else { return tile }
        let count = Int64(1) << Int64(tile.zoom)
        guard tile.y >= 0, tile.y < count else { return nil }
        return Tile(zoom: tile.zoom, x: tile.x.wrapped(modulo: count), y: tile.y)
    }

    func footprint(_ tile: Tile) -> Footprint {
        let stride = RGBATile.side + 2
        var x: [Double] = []
        var y: [Double] = []
        x.reserveCapacity(stride * stride)
        y.reserveCapacity(stride * stride)
        let longitudes = (0..<stride).map {
            WebMercator.longitude(x: Double(tile.x * WindowGeometry.tile + Int64($0)) - 0.5, zoom: tile.zoom)
        }
        for row in 0..<stride {
            let latitude = WebMercator.latitude(
                y: Double(tile.y * WindowGeometry.tile + Int64(row)) - 0.5, zoom: tile.zoom)
            x += longitudes
            y += repeatElement(latitude, count: stride)
        }
        raster.transform(&x, &y, toSource: true)
        return Footprint(x: x, y: y, side: RGBATile.side, width: width, period: raster.period)
    }

    private func planeTile(_ tile: Tile) throws -> RGBATile {
        let left = tile.x * WindowGeometry.tile
        let top = tile.y * WindowGeometry.tile
        let window = try SourceWindow(
            of: raster, columns: left..<left + WindowGeometry.tile, rows: top..<top + WindowGeometry.tile, turn: nil)
        var pixels = window.pixels
        for index in stride(from: 3, to: pixels.count, by: 4) { pixels[index] = pixels[index] >= 128 ? 255 : 0 }
        return RGBATile(pixels: pixels)
    }
}
