import Coordinator
import Foundation

/// A mosaic as viewers are told of it (TileJSON 3.0.0).
struct TileJSON: Encodable, Equatable {
    let tilejson = "3.0.0"
    let scheme = "xyz"
    var name: String
    var tiles: [String]
    var minzoom: Int
    var maxzoom: Int
    /// West, south, east, north; absent for a picture without georeference.
    var bounds: [Double]?
    /// The schema asks for it of raster sets too.
    let vectorLayers: [String] = []

    /// Describe a mosaic by the jobs that render it; nil where there is none.
    init?(mosaic: String, in status: Status, root: String) {
        let jobs = status.jobs.filter { $0.mosaic == mosaic }
        guard let low = jobs.map(\.zooms.lowerBound).min(), let high = jobs.map(\.zooms.upperBound).max() else {
            return nil
        }
        let segment = MosaicName.segment(mosaic)
        let version = String(UInt64(max(0, status.started.timeIntervalSince1970 * 1000)), radix: 36)
        name = mosaic.isEmpty ? "tessera" : mosaic
        tiles = ["\(root)/tiles/\(segment)/{z}/{x}/{y}.png?v=\(version)"]
        minzoom = low
        maxzoom = high
        let boxes = jobs.compactMap(\.bounds).filter { $0.count == 4 }
        if boxes.count == jobs.count {
            bounds = boxes.dropFirst().reduce(boxes[0]) { a, b in
                [min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])]
            }
        }
    }

    private enum CodingKeys: String, CodingKey {
        case tilejson, scheme, name, tiles, minzoom, maxzoom, bounds
        case vectorLayers = "vector_layers"
    }
}

/// A mosaic's name in a path: "-" stands for the one that is the coordinator's directory itself.
enum MosaicName {
    static func segment(_ mosaic: String) -> String { mosaic.isEmpty ? "-" : mosaic }
    static func mosaic(_ segment: String) -> String { segment == "-" ? "" : segment }
}
