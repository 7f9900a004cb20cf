/// The seam figures of a mosaic, with the null to hold them against.
public struct SeamReport: Sendable, Codable {
    public struct Figure: Sendable, Codable {
        public var edges: Int
        public var ratio: Double
        /// 95 % bootstrap interval: low, high.
        public var interval: [Double]
    }

    public struct Periodic: Sendable, Codable {
        /// How many rows of cores were measured.
        public var rows: Int
        public var ratio: Double
        /// 95 % bootstrap interval: low, high.
        public var interval: [Double]
    }

    /// The parallel-line ratio on core boundaries.
    public var seams: Figure
    /// The same on lines that are no seam: what no seam at all would read.
    public var null: Figure
    /// What repeats from core to core, in proportion to what does not; nil where no row is three cores wide.
    public var periodic: Periodic?

    /// Measure strips that together cover a picture, each sharing `SeamMeter.overlap` rows with the one before.
    ///
    /// - Returns: nil where no core boundary has texture on both sides.
    public init?(core: Int, strips: some Sequence<LumaStrip>) {
        var seams = SeamMeter(period: core)
        var nulls = [3, 4, 5].map { SeamMeter(period: core, phase: $0 * core / 8) }
        var periodic = PeriodicMeter(period: core)
        for strip in strips {
            periodic.add(strip)
            seams.add(strip)
            for index in nulls.indices { nulls[index].add(strip) }
        }
        var null = SeamMeter(period: core)
        for meter in nulls { null.append(meter.edges) }
        guard let seamFigure = Figure(seams), let nullFigure = Figure(null) else { return nil }
        self.seams = seamFigure
        self.null = nullFigure
        if let ratio = periodic.ratio, let interval = periodic.interval {
            self.periodic = Periodic(
                rows: periodic.count, ratio: ratio, interval: [interval.lowerBound, interval.upperBound])
        }
    }
}

extension SeamReport.Figure {
    init?(_ meter: SeamMeter) {
        guard let ratio = meter.ratio, let interval = meter.interval() else { return nil }
        self.init(edges: meter.count, ratio: ratio, interval: [interval.lowerBound, interval.upperBound])
    }
}
