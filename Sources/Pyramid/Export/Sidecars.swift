internal import Canvas
internal import Foundation

/// The documents beside an export: where it lies, how to read it, and what made it.
struct Sidecars {
    let mosaic: Mosaic
    let provenance: Provenance
    let extent: MosaicExtent

    private var isGeoreferenced: Bool { mosaic.canvas.surface == .webMercator }
    private var zooms: ClosedRange<Int> { 0...mosaic.finestZoom }

    init(_ mosaic: Mosaic, areas: [PixelRect]) {
        self.mosaic = mosaic
        provenance = Provenance(mosaic.description)
        extent = MosaicExtent(mosaic.canvas, zoom: mosaic.finestZoom, areas: areas)
    }

    /// Write what describes a directory of tiles: `tilejson.json`, `provenance.json` and, for georeferenced mosaics,
    /// `tms.xml`, `WMTSCapabilities.xml` and `stac.json`.
    ///
    /// - Parameter address: Where the directory will be found on the web; nil is where it is.
    func writeTileDirectory(to directory: URL, address: String?) throws {
        let directory = directory.standardizedFileURL
        let root =
            address.map { $0.hasSuffix("/") ? String($0.dropLast()) : $0 } ?? "file://"
            + (directory.path.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed) ?? directory.path)
        let name = directory.lastPathComponent
        let service = TileService(
            name: name, zooms: zooms, tiles: extent.tiles, template: root + "/{z}/{x}/{y}.png", note: provenance.note,
            attribution: provenance.attribution)
        try write(json: provenance.entries, to: directory, "provenance.json")
        var tileJSON = service.tileJSON
        if !isGeoreferenced { tileJSON.bounds = nil }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try write([UInt8](encoder.encode(tileJSON)), to: directory, "tilejson.json")
        guard isGeoreferenced, !extent.areas.isEmpty else { return }
        try write(Array(service.gdalDescription.utf8), to: directory, "tms.xml")
        let capabilities = service.wmtsCapabilities(address: root + "/WMTSCapabilities.xml")
        try write(Array(capabilities.utf8), to: directory, "WMTSCapabilities.xml")
        var item = stacItem(name: name)
        item["asset_templates"] = [
            "tiles": [
                "href": address == nil
                    ? "./{TileMatrix}/{TileCol}/{TileRow}.png"
                    : root + "/{TileMatrix}/{TileCol}/{TileRow}.png",
                "type": "image/png", "roles": ["data"],
            ]
        ]
        item["assets"] = [
            "tilejson": ["href": "./tilejson.json", "type": "application/json", "roles": ["tiles"]],
            "wmts": ["href": "./WMTSCapabilities.xml", "type": "application/xml", "roles": ["tiles"]],
            "provenance": ["href": "./provenance.json", "type": "application/json", "roles": ["metadata"]],
        ]
        item["stac_extensions"] = ["https://stac-extensions.github.io/tiled-assets/v1.0.0/schema.json"]
        item["properties"] = (item["properties"] as? [String: Any] ?? [:]).merging(tileMatrices) { $1 }
        try write(json: item, to: directory, "stac.json")
    }

    /// Write a STAC item for files.
    ///
    /// - Parameter assets: The name, media type and roles of each file beside the item.
    func writeItem(to url: URL, assets: [String: (file: String, type: String, roles: [String])]) throws {
        guard isGeoreferenced, !extent.areas.isEmpty else { return }
        var item = stacItem(name: url.deletingPathExtension().lastPathComponent)
        item["assets"] = assets.mapValues {
            ["href": "./" + $0.file, "type": $0.type, "roles": $0.roles] as [String: Any]
        }
        item["stac_extensions"] = ["https://stac-extensions.github.io/projection/v2.0.0/schema.json"]
        let box = extent.metres(extent.tiles)
        let size = WebMercator.resolution(zoom: mosaic.finestZoom)
        let side = WindowGeometry.tile
        item["properties"] = (item["properties"] as? [String: Any] ?? [:]).merging([
            "proj:code": "EPSG:3857", "proj:transform": [size, 0, box.left, 0, -size, box.top],
            "proj:shape": [extent.tiles.height * side, extent.tiles.width * side],
        ]) { $1 }
        try write(json: item, to: url.deletingLastPathComponent(), url.lastPathComponent)
    }

    /// A STAC 1.1.0 item without assets.
    private func stacItem(name: String) -> [String: Any] {
        let rings = extent.rings
        var properties: [String: Any] = [
            "datetime": date, "title": name, "description": provenance.note,
            "keywords": ["synthetic imagery", "tiled-assets"], "license": "other",
        ]
        for (key, value) in provenance.entries {
            properties["tessera:" + key.replacingOccurrences(of: " ", with: "_")] = value
        }
        return [
            "type": "Feature", "stac_version": "1.1.0", "id": name, "bbox": extent.wrappedBounds,
            "geometry": rings.count == 1
                ? ["type": "Polygon", "coordinates": rings] as [String: Any]
                : ["type": "MultiPolygon", "coordinates": rings.map { [$0] }],
            "links": [[String: Any]](), "properties": properties,
        ]
    }

    /// When the mosaic was begun.
    private var date: String {
        let file = mosaic.directory.appendingPathComponent("mosaic.json").path
        let date = (try? FileManager.default.attributesOfItem(atPath: file))?[.modificationDate] as? Date
        return (date ?? Date(timeIntervalSince1970: 0)).formatted(.iso8601)
    }

    /// The tiled-assets extension's grid and limits; the links twice, as its text and as its examples have them.
    private var tileMatrices: [String: Any] {
        let limits = Dictionary(
            uniqueKeysWithValues: zooms.map { zoom in
                let area = extent.tiles(zoom: zoom)
                return (
                    "\(zoom)",
                    [
                        "min_tile_col": area.x, "max_tile_col": area.x + area.width - 1, "min_tile_row": area.y,
                        "max_tile_row": area.y + area.height - 1,
                    ]
                )
            })
        let link: [String: Any] = ["WebMercatorQuad": ["url": "#WebMercatorQuad", "limits": limits] as [String: Any]]
        return [
            "tiles:tile_matrix_links": link, "tiles:tile_matrix_set_links": link,
            "tiles:tile_matrix_sets": [
                "WebMercatorQuad": [
                    "type": "TileMatrixSetType", "identifier": "WebMercatorQuad", "title": "WebMercatorQuad",
                    "supportedCRS": "http://www.opengis.net/def/crs/EPSG/0/3857",
                    "wellKnownScaleSet": "http://www.opengis.net/def/wkss/OGC/1.0/GoogleMapsCompatible",
                    "tileMatrix": zooms.map { TileMatrix.json(zoom: $0) },
                ] as [String: Any]
            ],
        ]
    }

    private func write(json: Any, to directory: URL, _ name: String) throws {
        let data = try JSONSerialization.data(
            withJSONObject: json, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
        try write([UInt8](data), to: directory, name)
    }

    private func write(_ data: [UInt8], to directory: URL, _ name: String) throws {
        try ExportTarget.write(data, to: directory.appendingPathComponent(name).path)
    }
}
