/// The limits a scheduler works by.
public struct SchedulerPolicy: Hashable, Sendable {
    /// A worker unheard for this long is lost, and its leases with it.
    public var silence: Duration = .seconds(20)
    /// A worker is lost when a lease of it makes no progress, not a step, for `progressFactor` times the median time of
    /// the job's leases, within these bounds.
    public var progressBounds: ClosedRange<Duration> = .seconds(120) ... .seconds(3600)
    public var progressFactor = 10.0
    /// A lease that makes progress and never ends is withdrawn after `ageFactor` times the slowest hundredth of the
    /// job's leases, or of the worker's own slowest, within these bounds.
    public var ageBounds: ClosedRange<Duration> = .seconds(600) ... .seconds(86400)
    public var ageFactor = 20.0
    /// So many different workers make a window failed.
    public var attempts = 3
    /// A window that took so many workers with it is failed.
    public var losses = 8
    /// A worker that fails so many windows of a job in a row is blocked for it.
    public var strikes = 5
    /// The wait after a first failure, of a window or of a worker's environment; it doubles with each further one.
    public var backoff: Duration = .seconds(5)
    /// How often the wait doubles.
    public var backoffDoublings = 6
    /// Windows of a job's tail are leased a second time once this part of it is done …
    public var speculationStart = 0.75
    /// … and their lease is older than this many medians of the job's leases.
    public var speculationFactor = 1.5
    /// The most second leases at a time, as a part of the workers; one at the least.
    public var speculationShare = 0.1
    /// How long a job waits for a worker that may take what is left, when all that are here may not.
    public var solitude: Duration = .seconds(30)
    /// After a start, nothing is decided for want of workers that may still be on their way back.
    public var grace: Duration = .seconds(30)

    public init() {}

    /// The wait after the n-th failure, n from 1.
    func wait(after failures: Int) -> Duration {
        backoff * (1 << min(max(failures - 1, 0), backoffDoublings))
    }
}
