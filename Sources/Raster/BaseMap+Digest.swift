internal import Crypto
internal import Foundation

extension BaseMap {
    /// Return the SHA-256 of what the pixels come from, in lower-case hexadecimal.
    ///
    /// For one file, that is the digest of its bytes; for several (a VRT and its sources, a picture and its world file)
    /// of all their bytes in name order. Overviews (`.ovr`) are never read and do not count; of GDAL's `.aux.xml`, where
    /// programs leave statistics, only what changes pixels or place counts.
    /// - Throws: `RasterError.read` where a file cannot be read, or the raster is not made of files.
    public func digest() throws -> String {
        var hash = SHA256()
        var counted = 0
        for file in raster.files.sorted(by: { (name($0), $0) < (name($1), $1) }) where !file.hasSuffix(".ovr") {
            if file.hasSuffix(".aux.xml") {
                if let text = try? String(contentsOfFile: file, encoding: .utf8) {
                    hash.update(data: Data(Self.essentials(text).utf8))
                }
                continue
            }
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: file, isDirectory: &isFolder) else { continue }
            if isFolder.boolValue { continue }
            try update(&hash, with: file)
            counted += 1
        }
        guard counted > 0 else {
            throw RasterError.read(
                path: path, reason: "it is not made of local files; copy it first, for example with gdal_translate")
        }
        return hash.finalize().map { byte in
            let text = String(byte, radix: 16)
            return text.count < 2 ? "0" + text : text
        }.joined()
    }

    private func name(_ file: String) -> String { (file as NSString).lastPathComponent }

    private func update(_ hash: inout SHA256, with file: String) throws {
        do {
            let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: file))
            defer { try? handle.close() }
            while let block = try handle.read(upToCount: 1 << 20), !block.isEmpty { hash.update(data: block) }
        } catch {
            throw RasterError.read(path: file, reason: "\(error.localizedDescription)")
        }
    }

    /// Return the elements of an auxiliary file that change where pixels lie or what they are.
    static func essentials(_ text: String) -> String {
        var result = ""
        for tag in ["SRS", "GeoTransform", "GCPList", "NoDataValue", "ColorTable", "ColorInterp"] {
            var rest = text[...]
            while let start = rest.range(of: "<\(tag)"),
                let end = rest.range(of: "</\(tag)>", range: start.upperBound..<rest.endIndex)
            {
                result += rest[start.lowerBound..<end.upperBound]
                rest = rest[end.upperBound...]
            }
        }
        return result
    }
}
