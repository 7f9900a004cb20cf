import Canvas
import Coordinator
import Foundation
import Pyramid

/// Where a mosaic's tiles are to be found, by the jobs that render it.
struct MosaicTiles {
    private let name: String
    private let zooms: ClosedRange<Int>
    /// Pixels of the finest zoom around all jobs.
    private let pixels: PixelRect
    /// West, south, east, north; nil for a picture without georeference.
    private let bounds: [Double]?
    /// Relative to the server's root.
    private let template: String

    /// - Returns: nil where no job renders the mosaic.
    init?(_ mosaic: String, in status: Status) {
        let jobs = status.jobs.filter { $0.mosaic == mosaic }
        guard let low = jobs.map(\.zooms.lowerBound).min(), let high = jobs.map(\.zooms.upperBound).max() else {
            return nil
        }
        name = mosaic.isEmpty ? "tessera" : mosaic
        zooms = low...high
        let version = String(UInt64(max(0, status.started.timeIntervalSince1970 * 1000)), radix: 36)
        template = "/tiles/\(MosaicName.segment(mosaic))/{z}/{x}/{y}.png?v=\(version)"
        let boxes = jobs.compactMap(\.bounds).filter { $0.count == 4 }
        bounds =
            boxes.count == jobs.count
            ? boxes.dropFirst().reduce(boxes[0]) { a, b in
                [min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])]
            } : nil
        let corners = jobs.filter { $0.pixels.count == 4 && $0.zooms.upperBound == high }.map(\.pixels)
        let left = corners.map { $0[0] }.min() ?? 0
        let top = corners.map { $0[1] }.min() ?? 0
        pixels = PixelRect(
            x: left, y: top, width: (corners.map { $0[0] + $0[2] }.max() ?? left) - left,
            height: (corners.map { $0[1] + $0[3] }.max() ?? top) - top)
    }

    func tileJSON(root: String) -> TileJSON {
        TileJSON(
            name: name, tiles: [root + template], zooms: zooms, bounds: bounds, description: TileService.defaultNote)
    }

    /// Return what map servers tell; nil for a picture without georeference.
    func service(root: String) -> TileService? {
        guard bounds != nil else { return nil }
        let side = WindowGeometry.tile
        let world = Int64(1) << Int64(zooms.upperBound)
        let x = max(0, pixels.x / side)
        let y = max(0, pixels.y / side)
        let right = min(world, (pixels.x + pixels.width + side - 1) / side)
        let bottom = min(world, (pixels.y + pixels.height + side - 1) / side)
        guard x < right, y < bottom else { return nil }
        return TileService(
            name: name, zooms: zooms, tiles: PixelRect(x: x, y: y, width: right - x, height: bottom - y),
            template: root + template)
    }
}

/// A mosaic's name in a path: "-" stands for the one that is the coordinator's directory itself.
enum MosaicName {
    static func segment(_ mosaic: String) -> String { mosaic.isEmpty ? "-" : mosaic }
    static func mosaic(_ segment: String) -> String { segment == "-" ? "" : segment }
}
