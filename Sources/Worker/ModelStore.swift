internal import Crypto
internal import Foundation
internal import Wire

/// The model files that a worker has: some it was given, the rest in a cache directory, named by their digest.
final class ModelStore {
    private let cache: URL
    private var given: [ModelDigest: URL] = [:]

    /// - Throws: An error that names the file, for a given model that cannot be read.
    init(paths: [URL], cache: URL) throws {
        self.cache = cache
        for path in paths {
            do {
                given[try Self.digest(of: path)] = path
            } catch {
                throw WorkerError("model \(path.path) cannot be read: \(error.localizedDescription)")
            }
        }
    }

    /// The digests of the models here; those of the cache as their names tell them.
    var digests: [ModelDigest] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: cache.path)) ?? []
        let cached = names.filter { $0.hasSuffix(Self.suffix) }.sorted()
            .compactMap { ModelDigest(hex: String($0.dropLast(Self.suffix.count))) }
        let all = given.keys.sorted { $0.hex < $1.hex } + cached.filter { given[$0] == nil }
        return Array(all.prefix(Limits.cachedModels))
    }

    /// Return the file that should have this digest; whoever opens it compares.
    func file(_ digest: ModelDigest) -> URL? {
        if let url = given[digest] { return url }
        let url = cached(digest)
        return FileManager.default.fileExists(atPath: url.path) ? url : nil
    }

    /// Forget a file that turned out to be damaged.
    func discard(_ digest: ModelDigest) {
        given[digest] = nil
        try? FileManager.default.removeItem(at: cached(digest))
    }

    func download(_ digest: ModelDigest, size: UInt64) throws -> ModelDownload {
        try FileManager.default.createDirectory(at: cache, withIntermediateDirectories: true)
        return try ModelDownload(digest: digest, size: size, target: cached(digest))
    }

    private static let suffix = ".safetensors"

    private func cached(_ digest: ModelDigest) -> URL { cache.appending(path: digest.hex + Self.suffix) }

    static func digest(of url: URL) throws -> ModelDigest {
        let file = try FileHandle(forReadingFrom: url)
        defer { try? file.close() }
        var hash = SHA256()
        while let block = try file.read(upToCount: 1 << 20), !block.isEmpty { hash.update(data: block) }
        return try digest(hash)
    }

    static func digest(_ hash: SHA256) throws -> ModelDigest {
        guard let digest = ModelDigest(bytes: Array(hash.finalize())) else {
            throw WorkerError("SHA-256 is not 32 bytes long")
        }
        return digest
    }
}

/// A sentence for whoever started the worker.
public struct WorkerError: Error, Hashable, CustomStringConvertible {
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}
