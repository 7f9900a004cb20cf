public import Canvas

/// A moment on the scheduler's clock: the time since some fixed start, handed in with every event.
public typealias Instant = Duration

/// A job's name in the coordinator's database.
public typealias JobID = String

/// A worker's session; a worker that registers again gets a new one.
public struct WorkerID: Hashable, Sendable, Comparable, CustomStringConvertible {
    public let rawValue: UInt64

    public init(_ rawValue: UInt64) { self.rawValue = rawValue }

    public var description: String { "w\(rawValue)" }

    public static func < (a: WorkerID, b: WorkerID) -> Bool { a.rawValue < b.rawValue }
}

/// One attempt at a batch of windows by one worker.
///
/// `epoch` is the coordinator's session, `id` never comes twice within it: together they fence late results.
public struct Lease: Hashable, Sendable {
    public let id: UInt64
    public let epoch: UInt64
    public let worker: WorkerID
    public let job: JobID
    public let cores: [Core]

    public var reference: LeaseReference { LeaseReference(id: id, epoch: epoch) }
}

/// The lease a message speaks of.
public struct LeaseReference: Hashable, Sendable {
    public let id: UInt64
    public let epoch: UInt64

    public init(id: UInt64, epoch: UInt64) {
        self.id = id
        self.epoch = epoch
    }
}
