/// The bounds that every message is held to, when it is encoded and when it is decoded.
public enum Limits {
    /// Bytes of a whole frame; a socket refuses longer ones before they are read.
    public static let message = 4 << 20
    /// Bytes of a frame from a worker: a chunk, and what goes with it.
    public static let workerMessage = chunk + (64 << 10)
    /// Bytes of the payload of a `WindowResult` or `ModelChunk`.
    public static let chunk = 1 << 20
    /// UTF-8 bytes of a name, an address or a version.
    public static let string = 1 << 10
    /// UTF-8 bytes of a reason.
    public static let reason = 4 << 10
    /// Windows of an `Assignment`, and of any other list of windows.
    public static let windows = 256
    /// Scalars of a window beside the timestep.
    public static let constants = 16
    /// Models a worker names as cached.
    public static let cachedModels = 256
    /// The finest level.
    public static let level = 15
    /// The largest absolute value of a core's column or row: pixel arithmetic on it cannot overflow.
    public static let coordinate = Int64(1) << 40
    /// Bytes of a model file.
    public static let model = UInt64(1) << 36
    /// Steps of a trajectory.
    public static let steps = 10_000
    /// Windows granted by one `Credit`.
    public static let credit = 1 << 16
    /// Milliseconds between heartbeats.
    public static let heartbeatMilliseconds = 10...600_000
    /// Bytes of the core pixels of a window: RGB of the largest core that `WindowGeometry` allows.
    public static let corePixels = 256 * 256 * 3
    /// Side of a window's condition.
    public static let conditionSide = 8...256
}
