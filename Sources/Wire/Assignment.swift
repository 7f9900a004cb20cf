public import Canvas

/// One window to render, with all that the trajectory needs beside the job.
public struct WindowRequest: Hashable, Sendable {
    public var core: Core
    /// The model's scalars beside the timestep, in its order.
    public var constants: [Float]
    /// The pixels of the coarser level under the window: (W/4)² of RGB, row by row.
    public var condition: [UInt8]

    public init(core: Core, constants: [Float], condition: [UInt8]) {
        self.core = core
        self.constants = constants
        self.condition = condition
    }

    func check() throws {
        let check = FieldCheck(message: "assign")
        try check.address(level: core.level, column: core.column, row: core.row)
        try check.count(constants.count, 0...Limits.constants, "constants")
        guard constants.allSatisfy(\.isFinite) else { throw check.fail("constants", "not a finite number") }
        guard condition.count % 3 == 0, Self.isSquare(condition.count / 3) else {
            throw check.fail("condition", "\(condition.count) bytes are not a square of RGB pixels")
        }
    }

    private static func isSquare(_ pixels: Int) -> Bool {
        let side = Int(Double(pixels).squareRoot())
        return Limits.conditionSide.contains(side) && side * side == pixels
    }
}

/// A lease: one attempt of one worker at some windows of a job.
public struct Assignment: Hashable, Sendable {
    public var lease: UInt64
    /// Fences late results: what comes back with another epoch is dropped.
    public var epoch: UInt64
    public var jobID: String
    public var windows: [WindowRequest]

    public init(lease: UInt64, epoch: UInt64, jobID: String, windows: [WindowRequest]) {
        self.lease = lease
        self.epoch = epoch
        self.jobID = jobID
        self.windows = windows
    }

    func check() throws {
        let check = FieldCheck(message: "assign")
        try check.text(jobID, "job_id", empty: false)
        try check.count(windows.count, 1...Limits.windows, "windows")
        for window in windows { try window.check() }
    }
}

/// The coordinator takes a lease back; the worker drops its windows and grants their credit again.
public struct Revocation: Hashable, Sendable {
    public var lease: UInt64
    public var epoch: UInt64

    public init(lease: UInt64, epoch: UInt64) {
        self.lease = lease
        self.epoch = epoch
    }
}
