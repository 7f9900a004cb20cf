public import Canvas
public import Coordinator
public import Scheduling

/// What the monitor shows and steers: the coordinator, as far as HTTP sees it.
///
/// `tile` and `submit` may take long and are called off the cooperative pool, from several threads; all the others
/// answer at once.
public protocol MonitorSource: Sendable {
    func status() -> Status
    /// The mosaics that have tiles; "" is the one that is the coordinator's directory itself.
    func mosaics() -> [String]
    /// Return a tile's picture, or nil where nothing is rendered yet.
    func tile(mosaic: String, _ tile: Tile) throws -> MonitorTile?
    func submit(_ request: JobRequest) throws -> JobID
    func pause(_ id: JobID) throws
    func resume(_ id: JobID) throws
    func cancel(_ id: JobID) throws
    /// Try a job's failed windows again.
    func retry(_ id: JobID) throws
    /// Render a part of a job first; nil ends that.
    func prefer(_ region: Region?, of id: JobID) throws
    func setPriority(_ priority: Int, of id: JobID) throws
    /// Everything that is known, for a bug report; called off the cooperative pool.
    func dump() throws -> StateDump
    func drain(worker: UInt64, now: Bool, reason: String) throws
    /// The workers' keys that are let in.
    func allowedKeys() -> [WorkerKey]
    func allow(_ key: WorkerKey) throws
    /// - Throws: `MonitorError.notFound` where the key was not allowed.
    func revoke(key: String) throws
}

/// A tile as it is sent to viewers.
public struct MonitorTile: Sendable, Hashable {
    public var png: [UInt8]
    /// Whether it will never change again.
    public var isFinal: Bool
    /// Differs where the bytes do.
    public var checksum: UInt64

    public init(png: [UInt8], isFinal: Bool, checksum: UInt64) {
        self.png = png
        self.isFinal = isFinal
        self.checksum = checksum
    }
}

/// Why a request cannot be answered; a source throws it to choose the HTTP status.
public enum MonitorError: Error, Hashable, CustomStringConvertible {
    /// 404: there is no such job, worker or mosaic.
    case notFound(String)
    /// 409: it exists, and is in no state for that.
    case refused(String)
    /// The server cannot listen.
    case cannotListen(String)

    public var description: String {
        switch self {
        case .notFound(let what), .refused(let what), .cannotListen(let what): what
        }
    }
}
