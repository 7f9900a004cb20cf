/// When to start a worker again that died unexpectedly.
public struct RestartPolicy: Hashable, Sendable {
    /// The wait after the first death in a row; it doubles with each further one.
    public var initialDelay: Duration
    public var maximumDelay: Duration
    /// So many deaths in a row without progress are enough.
    public var deathLimit: Int

    public init(
        initialDelay: Duration = .milliseconds(500), maximumDelay: Duration = .seconds(30), deathLimit: Int = 5
    ) {
        self.initialDelay = initialDelay
        self.maximumDelay = maximumDelay
        self.deathLimit = deathLimit
    }

    /// Return the wait before the next start, or nil where it is time to give up.
    ///
    /// - Parameter deaths: Deaths in a row without progress, this one included; 1 or more.
    public func delay(afterDeaths deaths: Int) -> Duration? {
        guard deaths < deathLimit else { return nil }
        var delay = initialDelay
        for _ in 1..<max(1, deaths) where delay < maximumDelay { delay = delay * 2 }
        return min(delay, maximumDelay)
    }
}
