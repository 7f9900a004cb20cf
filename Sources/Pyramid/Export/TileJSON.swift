/// A set of tiles as viewers are told of it (TileJSON 3.0.0).
public struct TileJSON: Encodable, Equatable, Sendable {
    let tilejson = "3.0.0"
    let scheme = "xyz"
    public var name: String
    /// Absolute, with {z}, {x} and {y}.
    public var tiles: [String]
    public var minzoom: Int
    public var maxzoom: Int
    /// West, south, east, north; nil for a picture without georeference.
    public var bounds: [Double]?
    public var description: String?
    public var attribution: String?
    /// The schema asks for it of raster sets too.
    let vectorLayers: [String] = []

    public init(
        name: String, tiles: [String], zooms: ClosedRange<Int>, bounds: [Double]? = nil,
        description: String? = nil, attribution: String? = nil
    ) {
        self.name = name
        self.tiles = tiles
        minzoom = zooms.lowerBound
        maxzoom = zooms.upperBound
        self.bounds = bounds
        self.description = description
        self.attribution = attribution
    }

    private enum CodingKeys: String, CodingKey {
        case tilejson, scheme, name, tiles, minzoom, maxzoom, bounds, description, attribution
        case vectorLayers = "vector_layers"
    }
}
