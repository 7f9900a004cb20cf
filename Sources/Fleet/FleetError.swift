/// Why worker processes could not be started or kept alive.
public enum FleetError: Error, Hashable, CustomStringConvertible {
    /// The program or its log could not be opened.
    case cannotStart(what: String, reason: String)
    /// A worker died too often in a row without getting anything done.
    case gaveUp(worker: Int, deaths: Int, ending: String, lastLines: String, log: String)

    public var description: String {
        switch self {
        case .cannotStart(let what, let reason):
            return "cannot start a worker: \(what): \(reason)"
        case .gaveUp(let worker, let deaths, let ending, let lastLines, let log):
            let times = deaths == 1 ? "once" : "\(deaths) times in a row"
            let words = lastLines.isEmpty ? "it wrote nothing" : "its last words:\n\(lastLines)"
            return "worker \(worker) died \(times) (\(ending)) and is not started again; "
                + "its log is \(log); \(words)"
        }
    }
}
