public import Canvas
internal import Foundation

/// Tiles at an address, described for programs that read them: TileJSON, WMTS and GDAL's own XML.
public struct TileService: Sendable {
    public var name: String
    public var zooms: ClosedRange<Int>
    /// The tiles of the finest zoom that hold data.
    public var tiles: PixelRect
    /// Absolute, with {z}, {x} and {y}.
    public var template: String
    public var note: String
    public var attribution: String?

    /// What is said of a mosaic that says nothing itself.
    public static let defaultNote = "Synthetic imagery: generated detail, not observed."

    public init(
        name: String, zooms: ClosedRange<Int>, tiles: PixelRect, template: String,
        note: String = Self.defaultNote, attribution: String? = nil
    ) {
        self.name = name
        self.zooms = zooms
        self.tiles = tiles
        self.template = template
        self.note = note
        self.attribution = attribution
    }

    private var extent: MosaicExtent {
        MosaicExtent(Canvas(surface: .webMercator, baseZoom: zooms.upperBound), zoom: zooms.upperBound, areas: [tiles])
    }

    public var tileJSON: TileJSON {
        TileJSON(
            name: name, tiles: [template], zooms: zooms, bounds: extent.bounds, description: note,
            attribution: attribution)
    }

    /// Return a capabilities document for the tiles as they lie there (OGC 07-057r7, section 10: RESTful).
    ///
    /// - Parameter address: Where the document itself is to be found.
    public func wmtsCapabilities(address: String) -> String {
        let bounds = extent.bounds
        let box = extent.metres(tiles)
        let link = Self.escaped(
            template.replacingOccurrences(of: "{z}", with: "{TileMatrix}")
                .replacingOccurrences(of: "{x}", with: "{TileCol}").replacingOccurrences(of: "{y}", with: "{TileRow}"))
        let limits = zooms.map { zoom in
            let area = extent.tiles(zoom: zoom)
            return """
                          <TileMatrixLimits><TileMatrix>\(zoom)</TileMatrix>\
                <MinTileRow>\(area.y)</MinTileRow><MaxTileRow>\(area.y + area.height - 1)</MaxTileRow>\
                <MinTileCol>\(area.x)</MinTileCol><MaxTileCol>\(area.x + area.width - 1)</MaxTileCol></TileMatrixLimits>
                """
        }
        let matrices = zooms.map { zoom in
            """
                  <TileMatrix>
                    <ows:Identifier>\(zoom)</ows:Identifier>
                    <ScaleDenominator>\(TileMatrix.scaleDenominator(zoom: zoom))</ScaleDenominator>
                    <TopLeftCorner>\(-WebMercator.limit) \(WebMercator.limit)</TopLeftCorner>
                    <TileWidth>256</TileWidth><TileHeight>256</TileHeight>
                    <MatrixWidth>\(1 << zoom)</MatrixWidth><MatrixHeight>\(1 << zoom)</MatrixHeight>
                  </TileMatrix>
            """
        }
        return """
            <?xml version="1.0" encoding="UTF-8"?>
            <Capabilities xmlns="http://www.opengis.net/wmts/1.0" xmlns:ows="http://www.opengis.net/ows/1.1" \
            xmlns:xlink="http://www.w3.org/1999/xlink" version="1.0.0">
              <ows:ServiceIdentification>
                <ows:Title>\(Self.escaped(name))</ows:Title>
                <ows:Abstract>\(Self.escaped(note))</ows:Abstract>
                <ows:ServiceType>OGC WMTS</ows:ServiceType>
                <ows:ServiceTypeVersion>1.0.0</ows:ServiceTypeVersion>
              </ows:ServiceIdentification>
              <Contents>
                <Layer>
                  <ows:Title>\(Self.escaped(name))</ows:Title>
                  <ows:Abstract>\(Self.escaped([note, attribution].compactMap { $0 }.joined(separator: " ")))</ows:Abstract>
                  <ows:WGS84BoundingBox>
                    <ows:LowerCorner>\(bounds[0]) \(bounds[1])</ows:LowerCorner>
                    <ows:UpperCorner>\(bounds[2]) \(bounds[3])</ows:UpperCorner>
                  </ows:WGS84BoundingBox>
                  <ows:Identifier>tiles</ows:Identifier>
                  <ows:BoundingBox crs="urn:ogc:def:crs:EPSG::3857">
                    <ows:LowerCorner>\(box.left) \(box.bottom)</ows:LowerCorner>
                    <ows:UpperCorner>\(box.right) \(box.top)</ows:UpperCorner>
                  </ows:BoundingBox>
                  <Style isDefault="true"><ows:Identifier>default</ows:Identifier></Style>
                  <Format>image/png</Format>
                  <TileMatrixSetLink>
                    <TileMatrixSet>WebMercatorQuad</TileMatrixSet>
                    <TileMatrixSetLimits>
            \(limits.joined(separator: "\n"))
                    </TileMatrixSetLimits>
                  </TileMatrixSetLink>
                  <ResourceURL format="image/png" resourceType="tile" template="\(link)"/>
                </Layer>
                <TileMatrixSet>
                  <ows:Identifier>WebMercatorQuad</ows:Identifier>
                  <ows:SupportedCRS>urn:ogc:def:crs:EPSG::3857</ows:SupportedCRS>
                  <WellKnownScaleSet>http://www.opengis.net/def/wkss/OGC/1.0/GoogleMapsCompatible</WellKnownScaleSet>
            \(matrices.joined(separator: "\n"))
                </TileMatrixSet>
              </Contents>
              <ServiceMetadataURL xlink:href="\(Self.escaped(address))"/>
            </Capabilities>

            """
    }

    /// Return the description that GDAL's WMS driver reads (service "TMS").
    ///
    /// The window is grown to whole tiles of the overviews it names, since GDAL counts theirs from its corner.
    public var gdalDescription: String {
        var up = 0
        while up < zooms.count - 1 {
            let area = extent.tiles(zoom: zooms.upperBound - up)
            if area.width <= 2, area.height <= 2 { break }
            up += 1
        }
        let area = extent.tiles(zoom: zooms.upperBound - up)
        let side = Int64(1) << Int64(up)
        let window = PixelRect(
            x: area.x * side, y: area.y * side, width: area.width * side, height: area.height * side)
        let box = extent.metres(window)
        let link = ["z", "x", "y"].reduce(template) { $0.replacingOccurrences(of: "{\($1)}", with: "${\($1)}") }
        return """
            <GDAL_WMS>
              <!-- \(Self.escaped(name)): \(Self.escaped(note).replacingOccurrences(of: "--", with: "- -")) -->
              <Service name="TMS"><ServerUrl>\(Self.escaped(link))</ServerUrl></Service>
              <DataWindow>
                <UpperLeftX>\(box.left)</UpperLeftX><UpperLeftY>\(box.top)</UpperLeftY>
                <LowerRightX>\(box.right)</LowerRightX><LowerRightY>\(box.bottom)</LowerRightY>
                <SizeX>\(window.width * WindowGeometry.tile)</SizeX><SizeY>\(window.height * WindowGeometry.tile)</SizeY>
                <TileLevel>\(zooms.upperBound)</TileLevel><TileX>\(window.x)</TileX><TileY>\(window.y)</TileY>
                <YOrigin>top</YOrigin>
              </DataWindow>
              <Projection>EPSG:3857</Projection>
              <OverviewCount>\(up)</OverviewCount>
              <BlockSizeX>256</BlockSizeX><BlockSizeY>256</BlockSizeY>
              <BandsCount>4</BandsCount>
              <ZeroBlockHttpCodes>204,404</ZeroBlockHttpCodes>
            </GDAL_WMS>

            """
    }

    static func escaped(_ text: String) -> String {
        [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\"", "&quot;")].reduce(text) {
            $0.replacingOccurrences(of: $1.0, with: $1.1)
        }
    }
}

/// WebMercatorQuad as tile matrix set documents write it (OGC 17-083r4, annex D.1).
enum TileMatrix {
    /// Standardised pixels are 0.28 mm wide.
    static func scaleDenominator(zoom: Int) -> Double { WebMercator.resolution(zoom: zoom) / 0.00028 }

    static func json(zoom: Int) -> [String: Any] {
        [
            "type": "TileMatrixType", "identifier": "\(zoom)", "id": "\(zoom)",
            "scaleDenominator": scaleDenominator(zoom: zoom), "topLeftCorner": [-WebMercator.limit, WebMercator.limit],
            "tileWidth": 256, "tileHeight": 256, "matrixWidth": 1 << zoom, "matrixHeight": 1 << zoom,
        ]
    }
}
