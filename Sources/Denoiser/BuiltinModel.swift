public import Foundation

/// The model that ships with the project.
public enum BuiltinModel {
    private static let file = "models/tiny.safetensors"

    /// Find the model: in `$TESSERA_DATA`, in `../share/tessera` beside the executable, or in the package's resources.
    ///
    /// - Throws: ``MissingModelError`` naming the places searched.
    public static func url() throws -> URL {
        var folders: [URL] = []
        if let data = ProcessInfo.processInfo.environment["TESSERA_DATA"], !data.isEmpty {
            folders.append(URL(filePath: data))
        }
        if let folder = Bundle.main.executableURL?.resolvingSymlinksInPath().deletingLastPathComponent() {
            folders.append(folder.deletingLastPathComponent().appending(path: "share/tessera"))
            folders.append(folder.appending(path: "tessera_Denoiser.resources"))
        }
        let candidates = (folders + [Bundle.module.bundleURL]).map { $0.appending(path: file) }
        for candidate in candidates where FileManager.default.isReadableFile(atPath: candidate.path) {
            return candidate
        }
        throw MissingModelError(searched: candidates.map(\.path))
    }
}

/// The built-in model is not where it should be.
public struct MissingModelError: Error, Equatable, Sendable, CustomStringConvertible {
    public let searched: [String]

    public var description: String {
        "the built-in model is missing; searched \(searched.joined(separator: ", ")). "
            + "Give --model FILE, or set TESSERA_DATA to the folder that holds models/tiny.safetensors"
    }
}
