internal import Crypto
internal import Foundation
internal import Wire

/// A model file on its way from the coordinator: pieces in order into a temporary file, which gets its name only
/// once its SHA-256 is right.
final class ModelDownload {
    /// What a piece did.
    enum Outcome: Equatable {
        /// Not the piece that follows: repeated after a new request, or of another time.
        case ignored
        case advanced
        case complete(URL)
        /// All is here, and it is not the model.
        case wrongDigest(ModelDigest)
    }

    /// Requests that are under way at once.
    private static let window = 4

    let digest: ModelDigest
    private let target: URL
    private let temporary: URL
    private let file: FileHandle
    private var sequence: ChunkSequence
    private var requested: UInt64 = 0
    private var hash = SHA256()

    /// - Throws: An error of the file system.
    init(digest: ModelDigest, size: UInt64, target: URL) throws {
        self.digest = digest
        self.target = target
        temporary = target.deletingLastPathComponent().appending(path: "\(digest.hex).\(UUID().uuidString).part")
        sequence = ChunkSequence(total: size)
        try Data().write(to: temporary, options: .withoutOverwriting)
        file = try FileHandle(forWritingTo: temporary)
    }

    deinit {
        try? file.close()
        try? FileManager.default.removeItem(at: temporary)
    }

    /// Return the requests to send now.
    func requests() -> [ModelRequest] {
        var requests: [ModelRequest] = []
        let end = min(sequence.total, sequence.received + UInt64(Self.window * Limits.chunk))
        while requested < end {
            let length = min(UInt64(Limits.chunk), sequence.total - requested)
            requests.append(ModelRequest(digest: digest, offset: requested, length: Int(length)))
            requested += length
        }
        return requests
    }

    /// Ask again for what has not come.
    func restart() {
        requested = sequence.received
    }

    /// - Throws: `WireError.chunk` where the coordinator's file has another size; an error of the file system.
    func accept(_ chunk: ModelChunk) throws -> Outcome {
        guard chunk.digest == digest, chunk.offset == sequence.received || chunk.total != sequence.total else {
            return .ignored
        }
        try sequence.accept(offset: chunk.offset, count: chunk.payload.count, total: chunk.total)
        requested = max(requested, sequence.received)
        hash.update(data: chunk.payload)
        try file.write(contentsOf: chunk.payload)
        guard sequence.isComplete else { return .advanced }
        let actual = try ModelStore.digest(hash)
        guard actual == digest else { return .wrongDigest(actual) }
        try file.synchronize()
        guard rename(temporary.path, target.path) == 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
        return .complete(target)
    }
}
