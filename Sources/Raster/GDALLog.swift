internal import CGDAL

/// What GDAL had to say during one call, kept off standard error.
final class GDALLog {
    private(set) var failures: [String] = []
    private(set) var warnings: [String] = []

    /// The failures in one line, or the warnings where none failed.
    var text: String {
        let lines = failures.isEmpty ? warnings : failures
        return lines.isEmpty ? "GDAL gives no reason" : lines.prefix(3).joined(separator: "; ")
    }

    private func add(_ code: CPLErr, _ text: String) {
        let line = text.split(whereSeparator: \.isNewline).joined(separator: " ")
        switch code {
        case CE_Failure, CE_Fatal: if !failures.contains(line) { failures.append(line) }
        case CE_Warning: if !warnings.contains(line) { warnings.append(line) }
        default: break
        }
    }

    /// Run `body` with GDAL's messages of this thread captured.
    ///
    /// libjpeg's warnings count as failures: a truncated JPEG must not pass as grey pixels.
    static func capture<Result>(_ body: () throws -> Result) rethrows -> (value: Result, log: GDALLog) {
        _ = registered
        let log = GDALLog()
        CPLPushErrorHandlerEx(
            { code, _, message in
                guard let context = CPLGetErrorHandlerUserData(), let message else { return }
                Unmanaged<GDALLog>.fromOpaque(context).takeUnretainedValue().add(code, String(cString: message))
            }, Unmanaged.passUnretained(log).toOpaque())
        CPLSetThreadLocalConfigOption("GDAL_ERROR_ON_LIBJPEG_WARNING", "TRUE")
        defer {
            CPLSetThreadLocalConfigOption("GDAL_ERROR_ON_LIBJPEG_WARNING", nil)
            CPLPopErrorHandler()
        }
        return (try withExtendedLifetime(log) { try body() }, log)
    }

    /// GDAL's own default for its cache of blocks is a twentieth of the machine's memory.
    private static let registered: Void = {
        GDALAllRegister()
        if CPLGetConfigOption("GDAL_CACHEMAX", nil) == nil { GDALSetCacheMax64(96 << 20) }
    }()
}
