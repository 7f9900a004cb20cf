internal import Canvas
internal import Foundation

/// What made a mosaic, as every export tells it.
struct Provenance {
    /// That the pictures are not observations; always there.
    let note: String
    let software: String
    /// The licence of the map that the mosaic stands on, where it is known.
    let licence: String?
    let attribution: String?
    /// Every entry of the mosaic's identity and description, and the job's digest.
    let entries: [String: String]

    init(_ description: MosaicDescription) {
        note = description.about["note"]?.description ?? TileService.defaultNote
        software = description.about["software"]?.description ?? "tessera"
        licence = description.about["base map licence"]?.description
        attribution = description.about["base map"]?.description
        var entries = description.identity.entries.mapValues(\.description)
        if let digest = entries.removeValue(forKey: "base map") { entries["base map digest"] = digest }
        if let digest = entries.removeValue(forKey: "model") { entries["model digest"] = digest }
        entries.merge(description.about.mapValues(\.description)) { $1 }
        entries["note"] = note
        entries["job"] = description.digest
        entries["levels"] = "\(description.levels)"
        self.entries = entries
    }

    /// Metadata of a TIFF or VRT; the first three are baseline tags (TIFF 6.0, section 8).
    var tiff: [String: String] {
        var items = ["TIFFTAG_IMAGEDESCRIPTION": note, "TIFFTAG_SOFTWARE": software]
        items["TIFFTAG_COPYRIGHT"] = licence
        for (key, value) in entries {
            items["TESSERA_" + key.uppercased().replacingOccurrences(of: " ", with: "_")] = value
        }
        return items
    }

    /// The rows of an MBTiles `metadata` table (MBTiles 1.3, "Metadata").
    func mbtiles(extent: MosaicExtent, zooms: ClosedRange<Int>, name: String) -> [String: String] {
        let bounds = extent.bounds
        var rows = [
            "name": name, "format": "png", "type": "overlay", "version": "1.3", "description": note,
            "bounds": bounds.map { "\($0)" }.joined(separator: ","),
            "center": "\((bounds[0] + bounds[2]) / 2),\((bounds[1] + bounds[3]) / 2),\(zooms.upperBound)",
            "minzoom": "\(zooms.lowerBound)", "maxzoom": "\(zooms.upperBound)",
        ]
        rows["attribution"] = attribution
        for (key, value) in entries { rows["tessera_" + key.replacingOccurrences(of: " ", with: "_")] = value }
        return rows
    }
}
