/// A message between a coordinator and a worker.
public enum Message: Hashable, Sendable {
    case hello(Hello)
    case welcome(Welcome)
    case refuse(Refusal)
    case credit(Credit)
    case job(JobDescription)
    case assign(Assignment)
    case progress(StepProgress)
    case result(WindowResult)
    case fail(Failure)
    case heartbeat(Heartbeat)
    case drain(Drain)
    case bye(Bye)
    case modelRequest(ModelRequest)
    case modelChunk(ModelChunk)
    case revoke(Revocation)

    /// The version of the protocol; both sides must have the same.
    public static let protocolVersion = 1

    /// Return the message with reasons cut and cleaned so that they can be sent.
    private var legible: Message {
        switch self {
        case .refuse(var refusal):
            refusal.reason = refusal.reason.legible(limit: Limits.reason)
            return .refuse(refusal)
        case .fail(var failure):
            failure.reason = failure.reason.legible(limit: Limits.reason)
            return .fail(failure)
        case .drain(var drain):
            drain.reason = drain.reason.legible(limit: Limits.reason)
            return .drain(drain)
        case .bye(var bye):
            bye.reason = bye.reason.legible(limit: Limits.reason)
            return .bye(bye)
        default:
            return self
        }
    }

    /// Return the message as one frame.
    ///
    /// Reasons that are too long are cut, and control characters in them become spaces.
    ///
    /// - Throws: `WireError` where a field, or the whole message, is out of its bounds.
    public func encoded() throws -> [UInt8] {
        let message = legible
        try message.check()
        return try message.packed()
    }

    /// Decode a frame.
    ///
    /// - Throws: `WireError` for a frame that no correct peer sends.
    /// - Complexity: O(bytes) in time and in memory, whatever the frame holds.
    public init(decoding bytes: [UInt8]) throws {
        self = try bytes.withUnsafeBytes { try Message(decoding: $0) }
    }

    /// Decode a frame in place.
    public init(decoding bytes: UnsafeRawBufferPointer) throws {
        self = try Message(unpacking: bytes)
        try check()
    }

    /// Test that every field is within its bounds.
    func check() throws {
        switch self {
        case .hello(let body): try body.check()
        case .welcome(let body): try body.check()
        case .refuse(let body): try body.check()
        case .credit(let body): try body.check()
        case .job(let body): try body.check()
        case .assign(let body): try body.check()
        case .progress(let body): try body.check()
        case .result(let body): try body.check()
        case .fail(let body): try body.check()
        case .drain(let body): try body.check()
        case .bye(let body): try body.check()
        case .modelRequest(let body): try body.check()
        case .modelChunk(let body): try body.check()
        case .heartbeat, .revoke: break
        }
    }
}
