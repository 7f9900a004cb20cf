public import Foundation
public import Scheduling

/// The coordinator's state at a moment, as the dashboard, the command line and programs read it.
public struct Status: Sendable, Codable {
    public var softwareVersion: String
    public var endpoint: String
    public var started: Date
    /// The public key that workers give as --server-key; nil where no keys are asked for.
    public var serverKey: String?
    public var jobs: [JobStatus]
    public var workers: [WorkerStatus]
}

public struct JobStatus: Sendable, Codable {
    public var id: JobID
    /// The mosaic's folder below the coordinator's directory; empty where it is the directory itself.
    public var mosaic: String
    public var request: JobRequest
    public var progress: JobProgress
    /// Windows per second over the last minute.
    public var rate: Double
    /// Seconds until the job ends at that rate; nil while there is no rate.
    public var secondsLeft: Double?
    /// What stopped the job, or the latest failure of a window.
    public var error: String?
    public var failures: [WindowFailure]
    public var zooms: ClosedRange<Int>
    /// West, south, east, north in degrees; nil for a picture without georeference.
    public var bounds: [Double]?
    /// The finest level's bounding rectangle in pixels: x, y, width, height.
    public var pixels: [Int64]
}

public struct WindowFailure: Hashable, Sendable, Codable {
    public var window: String
    public var reason: String
}

public struct WorkerStatus: Sendable, Codable {
    public var id: UInt64
    public var name: String
    public var host: String
    public var pid: UInt32
    public var device: String
    public var profile: String
    public var batch: Int
    public var leased: Int
    public var windowsDone: Int
    /// Mean compute seconds of a window.
    public var secondsPerWindow: Double?
    public var residentBytes: UInt64
    public var secondsSinceHeard: Double
    public var isDraining: Bool
    public var lastError: String?
    /// The public key the worker proved to have; nil where none is asked for.
    public var key: String?
}
