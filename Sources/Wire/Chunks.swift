public import Canvas

/// Tests that chunks of a payload follow each other without a gap and end where they said they would.
///
/// One peer sends the chunks of a payload in order over an ordered connection, so a repeated, missing or
/// overlapping chunk is an error of the peer.
public struct ChunkSequence: Hashable, Sendable {
    public let total: UInt64
    public private(set) var received: UInt64 = 0

    public var isComplete: Bool { received == total }

    public init(total: UInt64) {
        self.total = total
    }

    /// Take note of the next chunk.
    ///
    /// - Throws: `WireError.chunk` where it is not the one that follows.
    public mutating func accept(offset: UInt64, count: Int, total: UInt64) throws {
        guard total == self.total else {
            throw WireError.chunk("a total of \(total) bytes, after \(self.total)")
        }
        guard offset == received else {
            throw WireError.chunk("a chunk at byte \(offset) where byte \(received) follows")
        }
        guard count > 0, UInt64(count) <= total - received else {
            throw WireError.chunk("\(count) bytes at \(offset) of \(total)")
        }
        received += UInt64(count)
    }
}

/// Puts the chunks of one window's core together.
///
/// Memory grows with what has arrived, never with what was announced.
public struct ResultAssembler: Sendable {
    private struct Partial: Sendable {
        var key: Key
        var checksum: UInt64
        var sequence: ChunkSequence
        var bytes: [UInt8]
    }

    private struct Key: Hashable, Sendable {
        var lease: UInt64
        var epoch: UInt64
        var level: Int
        var column: Int64
        var row: Int64

        init(_ result: WindowResult) {
            (lease, epoch, level) = (result.lease, result.epoch, result.core.level)
            (column, row) = (result.core.column, result.core.row)
        }
    }

    private var partial: Partial?

    public init() {}

    /// Add a chunk; return the core's pixels when it was the last one.
    ///
    /// - Parameter expected: Bytes that the window's core has in its job.
    /// - Throws: `WireError.chunk` for a chunk that does not follow the one before, another window's chunk in
    ///   between, a wrong total or a wrong checksum. The partial payload is dropped.
    public mutating func add(_ result: WindowResult, expected: Int) throws -> [UInt8]? {
        do {
            return try assemble(result, expected: expected)
        } catch {
            partial = nil
            throw error
        }
    }

    private mutating func assemble(_ result: WindowResult, expected: Int) throws -> [UInt8]? {
        guard result.total == expected else {
            throw WireError.chunk("window \(result.core) of \(result.total) bytes, not \(expected)")
        }
        if partial == nil, result.offset == 0, result.payload.count == result.total {
            return try verified(result.payload, result.checksum, result)
        }
        let key = Key(result)
        var current =
            partial
            ?? Partial(
                key: key, checksum: result.checksum, sequence: ChunkSequence(total: UInt64(expected)), bytes: [])
        partial = nil
        guard current.key == key, current.checksum == result.checksum else {
            throw WireError.chunk("a chunk of window \(result.core) inside another result")
        }
        guard result.offset >= 0, result.total >= 0 else { throw WireError.chunk("a negative offset") }
        try current.sequence.accept(
            offset: UInt64(result.offset), count: result.payload.count, total: UInt64(result.total))
        current.bytes += result.payload
        if current.sequence.isComplete { return try verified(current.bytes, current.checksum, result) }
        partial = current
        return nil
    }

    private func verified(_ bytes: [UInt8], _ checksum: UInt64, _ result: WindowResult) throws -> [UInt8] {
        guard Checksum.xxh64(bytes) == checksum else {
            throw WireError.chunk("the checksum of window \(result.core) does not match its pixels")
        }
        return bytes
    }
}

extension WindowResult {
    /// Return the messages that carry the pixels of a core.
    public static func chunks(
        lease: UInt64, epoch: UInt64, core: Core, pixels: [UInt8], seconds: Double, chunk: Int = Limits.chunk
    ) -> [WindowResult] {
        let checksum = Checksum.xxh64(pixels)
        return stride(from: 0, to: pixels.count, by: max(chunk, 1)).map { offset in
            WindowResult(
                lease: lease, epoch: epoch, core: core, offset: offset, total: pixels.count, checksum: checksum,
                seconds: seconds, payload: Array(pixels[offset..<min(offset + chunk, pixels.count)]))
        }
    }
}
