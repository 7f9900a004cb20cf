public import Foundation

extension Region {
    /// Read a region from GeoJSON: Polygon, MultiPolygon, a Feature or collection of such (RFC 7946).
    ///
    /// - Throws: `CanvasError.region` where the text is not GeoJSON or holds no polygon.
    public init(geoJSON data: Data) throws {
        let root: Node
        do {
            root = try JSONDecoder().decode(Node.self, from: data)
        } catch let error as DecodingError {
            throw CanvasError.region("not GeoJSON: \(Self.reason(error))")
        }
        let polygons = try root.polygons()
        guard !polygons.isEmpty else { throw CanvasError.region("the GeoJSON holds no Polygon or MultiPolygon") }
        self = .polygons(polygons)
    }

    private static func reason(_ error: DecodingError) -> String {
        let context: DecodingError.Context
        switch error {
        case .dataCorrupted(let found), .keyNotFound(_, let found), .typeMismatch(_, let found),
            .valueNotFound(_, let found):
            context = found
        @unknown default: return "\(error)"
        }
        let path = context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }.joined(separator: ".")
        return context.debugDescription + (path.isEmpty ? "" : " at \(path)")
    }

    /// One GeoJSON object, of whatever type.
    private struct Node: Decodable {
        var type: String
        var geometry: Box?
        var geometries: [Node]?
        var features: [Node]?
        var polygon: [[[Double]]]?
        var multiPolygon: [[[[Double]]]]?

        final class Box: Decodable {
            let node: Node
            init(from decoder: any Decoder) throws { node = try Node(from: decoder) }
        }

        enum Keys: CodingKey { case type, geometry, geometries, features, coordinates }

        init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: Keys.self)
            type = try values.decode(String.self, forKey: .type)
            geometry = try values.decodeIfPresent(Box.self, forKey: .geometry)
            geometries = try values.decodeIfPresent([Node].self, forKey: .geometries)
            features = try values.decodeIfPresent([Node].self, forKey: .features)
            switch type {
            case "Polygon": polygon = try values.decode([[[Double]]].self, forKey: .coordinates)
            case "MultiPolygon": multiPolygon = try values.decode([[[[Double]]]].self, forKey: .coordinates)
            default: break
            }
        }

        func polygons() throws -> [[[GeoPoint]]] {
            let own = (polygon.map { [$0] } ?? []) + (multiPolygon ?? [])
            let parts = (geometry.map { [$0.node] } ?? []) + (geometries ?? []) + (features ?? [])
            return try own.map { try $0.map { try $0.map(Self.point) } } + parts.flatMap { try $0.polygons() }
        }

        private static func point(_ position: [Double]) throws -> GeoPoint {
            guard position.count >= 2 else {
                throw CanvasError.region("a GeoJSON position needs longitude and latitude, got \(position)")
            }
            return GeoPoint(longitude: position[0], latitude: position[1])
        }
    }
}
