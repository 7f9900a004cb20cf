/// `{"bbox": [west, south, east, north]}`, `{"rect": [x, y, width, height]}`, or `{"polygons": …}` with positions as in
/// GeoJSON.
extension Region: Codable {
    private enum CodingKeys: CodingKey { case bbox, rect, polygons }

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        if let box = try values.decodeIfPresent([Double].self, forKey: .bbox) {
            guard box.count == 4 else {
                throw CanvasError.region("bbox takes west, south, east, north, not \(box.count) numbers")
            }
            self = .box(west: box[0], south: box[1], east: box[2], north: box[3])
        } else if let rect = try values.decodeIfPresent([Int64].self, forKey: .rect) {
            guard rect.count == 4 else {
                throw CanvasError.region("rect takes x, y, width, height, not \(rect.count) numbers")
            }
            self = .rect(PixelRect(x: rect[0], y: rect[1], width: rect[2], height: rect[3]))
        } else {
            self = .polygons(try values.decode([[[GeoPoint]]].self, forKey: .polygons))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .box(let west, let south, let east, let north):
            try values.encode([west, south, east, north], forKey: .bbox)
        case .rect(let rect): try values.encode([rect.x, rect.y, rect.width, rect.height], forKey: .rect)
        case .polygons(let polygons): try values.encode(polygons, forKey: .polygons)
        }
    }
}

/// `[longitude, latitude]`.
extension GeoPoint: Codable {
    public init(from decoder: any Decoder) throws {
        var values = try decoder.unkeyedContainer()
        self.init(longitude: try values.decode(Double.self), latitude: try values.decode(Double.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var values = encoder.unkeyedContainer()
        try values.encode(longitude)
        try values.encode(latitude)
    }
}
