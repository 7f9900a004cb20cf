public import Canvas

/// A step of a trajectory is done.
public struct StepProgress: Hashable, Sendable {
    public var lease: UInt64
    public var epoch: UInt64
    /// Index of the window in its `Assignment`.
    public var window: Int
    public var step: Int
    public var steps: Int

    public init(lease: UInt64, epoch: UInt64, window: Int, step: Int, steps: Int) {
        self.lease = lease
        self.epoch = epoch
        self.window = window
        self.step = step
        self.steps = steps
    }

    func check() throws {
        let check = FieldCheck(message: "progress")
        try check.range(window, 0...Limits.windows - 1, "window")
        try check.range(steps, 1...Limits.steps, "steps")
        try check.range(step, 0...steps, "step")
    }
}

/// A chunk of a rendered core: C×C RGB pixels, row by row.
public struct WindowResult: Hashable, Sendable {
    public var lease: UInt64
    public var epoch: UInt64
    public var core: Core
    public var offset: Int
    /// Bytes of the whole core.
    public var total: Int
    /// XXH64 of the whole core.
    public var checksum: UInt64
    /// Compute time of the window: its batch's divided by the batch's windows.
    public var seconds: Double
    public var payload: [UInt8]

    public init(
        lease: UInt64, epoch: UInt64, core: Core, offset: Int, total: Int, checksum: UInt64, seconds: Double,
        payload: [UInt8]
    ) {
        self.lease = lease
        self.epoch = epoch
        self.core = core
        self.offset = offset
        self.total = total
        self.checksum = checksum
        self.seconds = seconds
        self.payload = payload
    }

    func check() throws {
        let check = FieldCheck(message: "result")
        try check.address(level: core.level, column: core.column, row: core.row)
        try check.range(offset, 0...Limits.corePixels, "offset")
        try check.range(total, 1...Limits.corePixels, "total")
        try check.chunk(
            offset: UInt64(offset), count: payload.count, total: UInt64(total), limit: UInt64(Limits.corePixels))
        guard seconds.isFinite, seconds >= 0 else { throw check.fail("seconds", "\(seconds) is not a duration") }
    }
}

/// A worker did not render some windows of a lease.
public struct Failure: Hashable, Sendable {
    public enum Kind: UInt32, Hashable, Sendable, CaseIterable {
        /// The machine: out of memory, a lost device, a full disk.
        case environment = 1
        /// The result is not a number, or the computation failed.
        case numeric = 2
        /// The model is missing, damaged, or does not fit the job.
        case model = 3
        /// Handed back without an attempt.
        case cancelled = 4
    }

    public var lease: UInt64
    public var epoch: UInt64
    public var windows: [Core]
    public var kind: Kind
    public var reason: String

    public init(lease: UInt64, epoch: UInt64, windows: [Core], kind: Kind, reason: String) {
        self.lease = lease
        self.epoch = epoch
        self.windows = windows
        self.kind = kind
        self.reason = reason
    }

    func check() throws {
        let check = FieldCheck(message: "fail")
        try check.count(windows.count, 1...Limits.windows, "windows")
        for core in windows { try check.address(level: core.level, column: core.column, row: core.row) }
        try check.text(reason, "reason", limit: Limits.reason)
    }
}
