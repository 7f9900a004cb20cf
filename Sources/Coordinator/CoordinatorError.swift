/// Why the coordinator cannot do what was asked.
public struct CoordinatorError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: Hashable, Sendable {
        case unknownJob
        case unknownWorker
        case badRequest
        /// No keys are asked for here.
        case keyless
        /// The address is not loopback, and no keys protect it.
        case insecure
        case stopped
        /// The job is in no state for that.
        case wrongPhase
    }

    public let code: Code
    public let description: String

    init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }

    static func unknownJob(_ id: String) -> CoordinatorError {
        CoordinatorError(.unknownJob, "no job \"\(id)\" here: `tessera jobs` lists them")
    }
}
