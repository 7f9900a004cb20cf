public import Foundation

/// The world map that ships with the project: NASA's Blue Marble, December 2004, 8192 × 8192 pixels of zoom 5.
public enum BuiltinBaseMap {
    /// What to print beside pictures made from it.
    public static let credit = "NASA Earth Observatory, Blue Marble: Next Generation (December 2004)"
    /// NASA's imagery is not under copyright.
    public static let licence = "public domain"

    private static let file = "world/bluemarble.vrt"

    /// Find the map: in `$TESSERA_DATA`, in `../share/tessera` beside the executable, or in the package's
    /// resources, where SwiftPM puts them beside what it builds.
    ///
    /// - Throws: `RasterError.missingWorld` naming the places searched.
    public static func url() throws -> URL {
        let environment = ProcessInfo.processInfo.environment["TESSERA_DATA"]
        let candidates = places(environment: environment, executable: executable)
        for candidate in candidates where FileManager.default.isReadableFile(atPath: candidate.path) {
            return candidate
        }
        throw RasterError.missingWorld(searched: candidates.map(\.path))
    }

    static func places(environment: String?, executable: URL?) -> [URL] {
        var folders: [URL] = []
        if let environment, !environment.isEmpty {
            folders.append(URL(fileURLWithPath: environment, isDirectory: true))
        }
        if let folder = executable?.deletingLastPathComponent() {
            folders.append(folder.deletingLastPathComponent().appendingPathComponent("share/tessera"))
            // What `Bundle.module` looks for; that ends the process where the bundle is not installed.
            folders.append(folder.appendingPathComponent("tessera_Raster.resources"))
        }
        return folders.map { $0.appendingPathComponent(file) }
    }

    private static var executable: URL? {
        Bundle.main.executableURL?.resolvingSymlinksInPath()
    }
}
