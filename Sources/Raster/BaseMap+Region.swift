public import Canvas

extension BaseMap {
    /// A region that holds all of the raster.
    public var wholeRegion: Region {
        switch extent {
        case .plane(let width, let height):
            .rect(PixelRect(x: 0, y: 0, width: Int64(width), height: Int64(height)))
        case .world(let west, let span, let south, let north):
            .box(west: west, south: max(south, -90), east: west + span, north: min(north, 90))
        }
    }
}
