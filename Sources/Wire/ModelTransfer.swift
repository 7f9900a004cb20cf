/// A worker asks for a piece of a model file.
public struct ModelRequest: Hashable, Sendable {
    public var digest: ModelDigest
    public var offset: UInt64
    public var length: Int

    public init(digest: ModelDigest, offset: UInt64, length: Int) {
        self.digest = digest
        self.offset = offset
        self.length = length
    }

    func check() throws {
        let check = FieldCheck(message: "model_request")
        try check.range(offset, 0...Limits.model, "offset")
        try check.range(length, 1...Limits.chunk, "length")
    }
}

/// A piece of a model file.
public struct ModelChunk: Hashable, Sendable {
    public var digest: ModelDigest
    public var offset: UInt64
    /// Bytes of the whole file.
    public var total: UInt64
    public var payload: [UInt8]

    public init(digest: ModelDigest, offset: UInt64, total: UInt64, payload: [UInt8]) {
        self.digest = digest
        self.offset = offset
        self.total = total
        self.payload = payload
    }

    func check() throws {
        let check = FieldCheck(message: "model_chunk")
        try check.chunk(offset: offset, count: payload.count, total: total, limit: Limits.model)
    }
}
