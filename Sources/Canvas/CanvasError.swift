/// A region, geometry or coordinate that the canvas cannot hold.
public enum CanvasError: Error, Hashable, CustomStringConvertible {
    case geometry(String)
    case region(String)

    public var description: String {
        switch self {
        case .geometry(let what): "window geometry: \(what)"
        case .region(let what): "region: \(what)"
        }
    }
}
