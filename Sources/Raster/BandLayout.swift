internal import CGDAL

/// Which bands make red, green and blue, and what says that a pixel has data.
struct BandLayout {
    enum Validity {
        case all
        /// The mask or alpha band that GDAL gives for a band.
        case dataset(band: Int)
        /// A pixel is nodata where each of these bands holds its nodata value.
        case nodata(bands: [Int])
    }

    /// One band (grey or palette) or three.
    var colours: [Int]
    var validity: Validity
    /// 256 RGBA entries of a palette.
    var palette: [UInt8]?

    var hasHoles: Bool {
        if case .all = validity {
            return palette?.enumerated().contains { $0.offset % 4 == 3 && $0.element < 255 } ?? false
        }
        return true
    }

    /// Finish a row that was read: spread grey, look up the palette, set alpha.
    func expand(_ row: UnsafeMutableBufferPointer<UInt8>) {
        var opaque = false
        if case .all = validity { opaque = true }
        if !opaque, colours.count == 3 { return }
        for index in stride(from: 0, to: row.count, by: 4) {
            if opaque { row[index + 3] = 255 }
            guard colours.count == 1 else { continue }
            if let palette {
                let entry = 4 * Int(row[index])
                for c in 0..<3 { row[index + c] = palette[entry + c] }
                row[index + 3] = min(row[index + 3], palette[entry + 3])
            } else {
                row[index + 1] = row[index]
                row[index + 2] = row[index]
            }
        }
    }
}

extension BandLayout {
    /// Find the layout of a dataset.
    ///
    /// - Throws: `RasterError.unsupported` for no bands, and for other data types than 8 bits.
    init(dataset: GDALDatasetH, path: String) throws {
        let count = Int(GDALGetRasterCount(dataset))
        guard count > 0 else {
            let hint = "it holds no picture itself; name one of its subdatasets (gdalinfo lists them)"
            throw RasterError.unsupported(path: path, reason: hint)
        }
        func band(_ number: Int) -> GDALRasterBandH? { GDALGetRasterBand(dataset, Int32(number)) }
        func first(_ kind: GDALColorInterp) -> Int? {
            (1...count).first { GDALGetRasterColorInterpretation(band($0)) == kind }
        }
        let plain = (1...count).filter { GDALGetRasterColorInterpretation(band($0)) != GCI_AlphaBand }
        if let red = first(GCI_RedBand), let green = first(GCI_GreenBand), let blue = first(GCI_BlueBand) {
            colours = [red, green, blue]
        } else {
            colours = plain.count >= 3 ? Array(plain.prefix(3)) : Array(plain.prefix(1))
        }
        guard !colours.isEmpty else {
            throw RasterError.unsupported(path: path, reason: "it holds an alpha band only")
        }
        for number in colours {
            let type = GDALGetRasterDataType(band(number))
            guard type == GDT_Byte else {
                let name = GDALGetDataTypeName(type).map { String(cString: $0) } ?? "unknown"
                throw RasterError.unsupported(
                    path: path,
                    reason: "band \(number) is \(name), a base map must be 8-bit; convert it with "
                        + "gdal_translate -ot Byte -scale MIN MAX 0 255 \(path) out.tif")
            }
        }
        palette = colours.count == 1 ? Self.palette(of: band(colours[0])) : nil
        validity = Self.validity(of: colours, band: band)
    }

    private static func validity(of colours: [Int], band: (Int) -> GDALRasterBandH?) -> Validity {
        let flags = colours.map { GDALGetMaskFlags(band($0)) }
        let nodata = zip(colours, flags).filter { tessera_gdal_mask_nodata($0.1) != 0 }.map(\.0)
        if !nodata.isEmpty { return .nodata(bands: nodata) }
        if let masked = zip(colours, flags).first(where: { tessera_gdal_mask_all_valid($0.1) == 0 }) {
            return .dataset(band: masked.0)
        }
        return .all
    }

    private static func palette(of band: GDALRasterBandH?) -> [UInt8]? {
        guard let band, let table = GDALGetRasterColorTable(band) else { return nil }
        var entries = [UInt8](repeating: 0, count: 1024)
        for index in 0..<min(256, Int(GDALGetColorEntryCount(table))) {
            var entry = GDALColorEntry()
            guard GDALGetColorEntryAsRGB(table, Int32(index), &entry) != 0 else { continue }
            for (offset, value) in [entry.c1, entry.c2, entry.c3, entry.c4].enumerated() {
                entries[4 * index + offset] = UInt8(clamping: value)
            }
        }
        return entries
    }
}
