/// A base map or picture that cannot be read or written.
public enum RasterError: Error, Hashable, CustomStringConvertible {
    /// The raster cannot be opened: missing, unreadable, or no raster at all.
    case open(path: String, reason: String)
    /// The raster opens but cannot serve as a base map.
    case unsupported(path: String, reason: String)
    /// Reading pixels or transforming coordinates failed.
    case read(path: String, reason: String)
    /// A raster cannot be written.
    case write(path: String, reason: String)
    /// A PNG that cannot be made or read.
    case png(String)
    /// The built-in map is not where it should be.
    case missingWorld(searched: [String])

    public var description: String {
        switch self {
        case .open(let path, let reason): "base map \(path) cannot be opened: \(reason)"
        case .unsupported(let path, let reason): "base map \(path): \(reason)"
        case .read(let path, let reason): "base map \(path) cannot be read: \(reason)"
        case .write(let path, let reason): "\(path) cannot be written: \(reason)"
        case .png(let reason): "PNG: \(reason)"
        case .missingWorld(let searched):
            "the built-in base map is not installed (looked in \(searched.joined(separator: ", "))): "
                + "give --base FILE, or set TESSERA_DATA to the folder that holds world/"
        }
    }
}
