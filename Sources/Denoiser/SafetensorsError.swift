/// Say why a safetensors file was refused: what is wrong, in which tensor, and what to do.
public struct SafetensorsError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The kinds of damage that a reader tells apart.
    public enum Code: String, Sendable {
        case unreadable, truncated, headerTooLarge, invalidHeader, tooManyTensors, duplicateName
        case unknownElementType, invalidShape, sizeMismatch, outOfBounds, overlap, gap
        case missingTensor, wrongElementType, wrongShape, notFinite, unexpectedTensor, writeFailed
    }

    public let code: Code
    /// The tensor concerned, where there is one.
    public let tensor: String?
    /// What was wrong, with the numbers.
    public let reason: String
    /// What the user can do about it.
    public let remedy: String

    public init(
        _ code: Code, tensor: String? = nil, _ reason: String,
        remedy: String = "Fetch or export the file again; its digest should match the one its author published."
    ) {
        self.code = code
        self.tensor = tensor
        self.reason = reason
        self.remedy = remedy
    }

    public var description: String {
        let subject = tensor.map { "safetensors, tensor “\(Self.abbreviated($0))”: " } ?? "safetensors: "
        return subject + reason + ". " + remedy
    }

    /// Shorten a name that a damaged file may have made megabytes long.
    static func abbreviated(_ text: String) -> String {
        let shown = text.unicodeScalars.prefix(120).map { $0.value < 32 ? "\u{FFFD}" : String($0) }.joined()
        return text.unicodeScalars.count > 120 ? shown + "…" : shown
    }
}
