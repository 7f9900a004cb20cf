public import Foundation

/// A worker presents itself: its first message on every connection.
public struct Hello: Hashable, Sendable {
    public var protocolVersion: Int
    public var softwareVersion: String
    /// Chosen once per process, so that a coordinator knows a worker that connects again.
    public var workerID: UUID
    public var name: String
    public var host: String
    public var pid: Int
    public var device: String
    /// The numeric profile: engine and kernels, as "blas/SkylakeX".
    public var profile: String
    public var batch: Int
    public var cachedModels: [ModelDigest]

    public init(
        protocolVersion: Int = Message.protocolVersion, softwareVersion: String, workerID: UUID, name: String,
        host: String, pid: Int, device: String, profile: String, batch: Int, cachedModels: [ModelDigest] = []
    ) {
        self.protocolVersion = protocolVersion
        self.softwareVersion = softwareVersion
        self.workerID = workerID
        self.name = name
        self.host = host
        self.pid = pid
        self.device = device
        self.profile = profile
        self.batch = batch
        self.cachedModels = cachedModels
    }

    func check() throws {
        let check = FieldCheck(message: "hello")
        try check.range(protocolVersion, 0...Int(UInt32.max), "protocol_version")
        try check.text(softwareVersion, "software_version")
        try check.text(name, "name", empty: false)
        try check.text(host, "host")
        try check.range(pid, 0...Int(UInt32.max), "pid")
        try check.text(device, "device")
        try check.text(profile, "profile")
        try check.range(batch, 1...Limits.windows, "batch")
        try check.count(cachedModels.count, 0...Limits.cachedModels, "cached_models")
    }
}

/// The coordinator takes a worker in.
public struct Welcome: Hashable, Sendable {
    public var session: UInt64
    public var heartbeatMilliseconds: Int
    public var softwareVersion: String

    public init(session: UInt64, heartbeatMilliseconds: Int, softwareVersion: String) {
        self.session = session
        self.heartbeatMilliseconds = heartbeatMilliseconds
        self.softwareVersion = softwareVersion
    }

    func check() throws {
        let check = FieldCheck(message: "welcome")
        try check.range(heartbeatMilliseconds, Limits.heartbeatMilliseconds, "heartbeat_milliseconds")
        try check.text(softwareVersion, "software_version")
    }
}

/// The coordinator does not take a worker, or one of its messages.
public struct Refusal: Hashable, Sendable {
    public enum Code: UInt32, Hashable, Sendable, CaseIterable {
        /// The protocol version differs: the worker ends.
        case protocolVersion = 1
        /// No worker is registered on this connection: the worker registers again.
        case unknownSession = 2
        /// The job needs another numeric profile.
        case profile = 3
        /// The worker is not allowed here: it ends.
        case notAllowed = 4
        /// Too many workers or requests: the worker comes back later.
        case overloaded = 5
        case badMessage = 6
        /// The coordinator does not hold the model that was asked for.
        case unknownModel = 7
    }

    public var code: Code
    public var reason: String

    public init(code: Code, reason: String) {
        self.code = code
        self.reason = reason
    }

    func check() throws {
        try FieldCheck(message: "refuse").text(reason, "reason", limit: Limits.reason)
    }
}

/// A worker can take more windows than it has granted before.
public struct Credit: Hashable, Sendable {
    public var windows: Int

    public init(windows: Int) {
        self.windows = windows
    }

    func check() throws {
        try FieldCheck(message: "credit").range(windows, 1...Limits.credit, "windows")
    }
}

/// A sign of life, sent by both sides; a worker's tells what its compute thread has done.
public struct Heartbeat: Hashable, Sendable {
    /// The lease being computed, or 0.
    public var lease: UInt64
    public var windowsFinished: UInt64
    /// Denoising steps since the process began: it stands still where the computation hangs.
    public var steps: UInt64
    public var residentBytes: UInt64

    public init(lease: UInt64 = 0, windowsFinished: UInt64 = 0, steps: UInt64 = 0, residentBytes: UInt64 = 0) {
        self.lease = lease
        self.windowsFinished = windowsFinished
        self.steps = steps
        self.residentBytes = residentBytes
    }
}

/// The coordinator asks a worker to end.
public struct Drain: Hashable, Sendable {
    public enum Mode: UInt32, Hashable, Sendable, CaseIterable {
        /// Finish the batch at hand, give the rest back.
        case finish = 1
        /// Stop at the next step, give everything back.
        case now = 2
    }

    public var mode: Mode
    public var reason: String

    public init(mode: Mode, reason: String) {
        self.mode = mode
        self.reason = reason
    }

    func check() throws {
        try FieldCheck(message: "drain").text(reason, "reason", limit: Limits.reason)
    }
}

/// One side leaves: the last message on a connection.
public struct Bye: Hashable, Sendable {
    public var reason: String

    public init(reason: String) {
        self.reason = reason
    }

    func check() throws {
        try FieldCheck(message: "bye").text(reason, "reason", limit: Limits.reason)
    }
}
