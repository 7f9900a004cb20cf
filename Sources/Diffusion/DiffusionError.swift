/// A schedule or sampler that cannot be.
public enum DiffusionError: Error, Hashable, CustomStringConvertible {
    case schedule(String)
    case sampler(String)

    public var description: String {
        switch self {
        case .schedule(let what): "noise schedule: \(what)"
        case .sampler(let what): "sampler: \(what)"
        }
    }
}
