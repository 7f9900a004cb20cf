import Foundation

/// The WebMercatorQuad tile matrix set: EPSG:3857, 256-pixel tiles (OGC 17-083r4, annex D.1).
public enum WebMercator {
    /// Metres per pixel at the equator at zoom 0.
    public static let baseResolution = 2 * Double.pi * 6_378_137 / 256
    /// Half the width of the world in metres: the x of the antimeridian.
    public static let limit = Double.pi * 6_378_137
    /// The latitude in degrees where the square world ends.
    public static let maximumLatitude = 85.051_128_779_806_59

    /// Return metres per pixel at the equator.
    public static func resolution(zoom: Int) -> Double {
        scalbn(baseResolution, -zoom)
    }

    /// Return the pixel x of a longitude in degrees; not wrapped.
    public static func x(longitude: Double, zoom: Int) -> Double {
        scalbn((longitude / 360 + 0.5) * 256, zoom)
    }

    /// Return the pixel y of a latitude in degrees, clamped to ±85.0511°.
    public static func y(latitude: Double, zoom: Int) -> Double {
        guard abs(latitude) < maximumLatitude else { return latitude > 0 ? 0 : scalbn(256, zoom) }
        let y = 0.5 - asinh(tan(latitude * .pi / 180)) / (2 * .pi)
        return scalbn(min(max(y, 0), 1) * 256, zoom)
    }

    public static func longitude(x: Double, zoom: Int) -> Double {
        (scalbn(x / 256, -zoom) - 0.5) * 360
    }

    public static func latitude(y: Double, zoom: Int) -> Double {
        atan(sinh(angle(pixel: y, zoom: zoom))) * 180 / .pi
    }

    /// Return EPSG:3857 metres of a pixel corner.
    public static func metres(x: Int64, y: Int64, zoom: Int) -> (x: Double, y: Double) {
        let size = resolution(zoom: zoom)
        return (Double(x) * size - limit, limit - Double(y) * size)
    }

    /// Return the Mercator ordinate of a pixel y, as an angle in radians (northing over the sphere's radius).
    static func angle(pixel y: Double, zoom: Int) -> Double {
        (0.5 - scalbn(y / 256, -zoom)) * 2 * .pi
    }
}
