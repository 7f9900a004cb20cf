/// A message that breaks the protocol, by its bytes or by its values.
public enum WireError: Error, Hashable, CustomStringConvertible {
    /// The frame is longer than `Limits.message`.
    case tooLong(bytes: Int)
    /// The frame is no envelope of this protocol, or asks for more memory than its length allows.
    case malformed(bytes: Int)
    /// The envelope holds no message that this version knows.
    case unknownMessage
    /// A field of a message is out of its bounds.
    case field(message: String, field: String, problem: String)
    /// Chunks of a payload do not fit together.
    case chunk(String)

    public var description: String {
        switch self {
        case .tooLong(let bytes):
            "message of \(bytes) bytes: the limit is \(Limits.message); send fewer windows at once"
        case .malformed(let bytes):
            "message of \(bytes) bytes is not a valid envelope; is the other side of the same version?"
        case .unknownMessage:
            "message of a kind that protocol version \(Message.protocolVersion) does not know"
        case .field(let message, let field, let problem):
            "message \(message), field \(field): \(problem)"
        case .chunk(let problem):
            "chunked payload: \(problem)"
        }
    }
}
