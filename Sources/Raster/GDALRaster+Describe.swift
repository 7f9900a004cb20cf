internal import CGDAL
internal import Foundation

extension GDALRaster {
    struct Description {
        var width: Int
        var height: Int
        var bands: BandLayout
        var files: [String]
        var transformer: UnsafeMutableRawPointer?
        var period: Double?
    }

    /// Read what does not change while a dataset is open; the caller owns the transformer.
    static func describe(_ dataset: GDALDatasetH, path: String) throws -> Description {
        let width = Int(GDALGetRasterXSize(dataset))
        let height = Int(GDALGetRasterYSize(dataset))
        let bands = try BandLayout(dataset: dataset, path: path)
        var result = Description(
            width: width, height: height, bands: bands, files: files(of: dataset, path: path), transformer: nil,
            period: nil)
        var geoTransform = [Double](repeating: 0, count: 6)
        let hasTransform = GDALGetGeoTransform(dataset, &geoTransform) == CE_None
        let system = GDALGetSpatialRef(dataset)
        let hasPoints = GDALGetGCPCount(dataset) > 0 && GDALGetGCPSpatialRef(dataset) != nil
        guard (system != nil && hasTransform) || hasPoints else { return result }
        result.transformer = try makeTransformer(dataset, path: path)
        if hasTransform, let system, geoTransform[2] == 0, geoTransform[4] == 0, geoTransform[1] != 0 {
            result.period = worldWidth(of: system).map { $0 / abs(geoTransform[1]) }
        }
        return result
    }

    private static func makeTransformer(
        _ dataset: GDALDatasetH, path: String
    ) throws -> UnsafeMutableRawPointer {
        var options: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
        options = CSLSetNameValue(options, "DST_SRS", "EPSG:4326")
        options = CSLSetNameValue(options, "INSERT_CENTER_LONG", "FALSE")
        defer { CSLDestroy(options) }
        let made = GDALLog.capture { GDALCreateGenImgProjTransformer2(dataset, nil, options) }
        guard let transformer = made.value else {
            throw RasterError.unsupported(
                path: path,
                reason: "its coordinate system cannot be transformed to longitude/latitude: \(made.log.text)")
        }
        return transformer
    }

    /// Return the width of the world in units of a system whose x is proportional to longitude, or nil.
    private static func worldWidth(of system: OGRSpatialReferenceH) -> Double? {
        if OSRIsGeographic(system) != 0 {
            let radians = OSRGetAngularUnits(system, nil)
            return radians > 0 ? 2 * Double.pi / radians : nil
        }
        let cylindrical = [
            "Mercator_1SP", "Mercator_2SP", "Mercator_Auxiliary_Sphere", "Popular_Visualisation_Pseudo_Mercator",
            "Equirectangular", "Plate_Carree", "Miller_Cylindrical", "Cylindrical_Equal_Area",
        ]
        guard let name = OSRGetAttrValue(system, "PROJECTION", 0).map({ String(cString: $0) }),
            cylindrical.contains(name), let geographic = OSRCloneGeogCS(system)
        else { return nil }
        defer { OSRDestroySpatialReference(geographic) }
        OSRSetAxisMappingStrategy(geographic, OAMS_TRADITIONAL_GIS_ORDER)
        guard let transform = OCTNewCoordinateTransformation(geographic, system) else { return nil }
        defer { OCTDestroyCoordinateTransformation(transform) }
        let centre = OSRGetProjParm(system, "central_meridian", 0, nil)
        let radians = OSRGetAngularUnits(geographic, nil)
        let eighth = radians > 0 ? Double.pi / 4 / radians : 45
        var x = [centre - eighth, centre + eighth]
        var y = [0.0, 0.0]
        guard OCTTransform(transform, 2, &x, &y, nil) != 0, x[0].isFinite, x[1].isFinite else { return nil }
        let width = abs(x[1] - x[0]) * 4
        return width > 0 ? width : nil
    }

    private static func files(of dataset: GDALDatasetH, path: String) -> [String] {
        guard let list = GDALGetFileList(dataset) else { return [path] }
        defer { CSLDestroy(list) }
        var names: [String] = []
        for index in 0..<Int(CSLCount(list)) {
            if let name = list[index] { names.append(String(cString: name)) }
        }
        return names.isEmpty ? [path] : Array(Set(names)).sorted()
    }
}
