import Canvas
import Foundation
import Scheduling

/// A job as the socket thread sees it.
struct JobEntry {
    let job: PreparedJob
    var priority: Int
    /// Which workers may render it; narrowed when an exact job is pinned.
    var profile: ProfileRule
    var meter = RateMeter()
    private(set) var failures: [WindowFailure] = []
    var error: String?
    /// Whether the overviews are complete too.
    var isFinalized = false

    /// Failures that are told one by one; of the rest, how many there are.
    private static let toldFailures = 1000

    init(_ job: PreparedJob, profile: ProfileRule) {
        self.job = job
        self.profile = profile
        priority = job.request.priority
    }

    mutating func fail(_ window: Core, _ reason: String) {
        if failures.count < Self.toldFailures {
            failures.append(WindowFailure(window: window.description, reason: reason))
        }
        error = "window \(window) failed: \(reason)"
    }

    mutating func forgetFailures() {
        failures = []
        error = nil
        isFinalized = false
    }

    mutating func status(progress: JobProgress, now: Duration) -> JobStatus {
        var progress = progress
        if progress.phase == .finished, !isFinalized { progress.phase = .running }
        var request = job.request
        request.priority = priority
        let rate = meter.rate(at: now)
        let left = progress.planned - progress.done - progress.failed
        let finest = job.plan.sets[job.plan.levels]
        let core = job.plan.canvas.geometry.core
        return JobStatus(
            id: job.id, mosaic: job.mosaicName, request: request, progress: progress, rate: rate,
            secondsLeft: rate > 0 ? Double(left) / rate : nil, error: error, failures: failures,
            zooms: job.plan.canvas.baseZoom...job.plan.canvas.zoom(level: job.plan.levels),
            bounds: job.plan.bounds,
            pixels: [
                finest.columns.lowerBound * core, finest.rows.lowerBound * core,
                Int64(finest.columns.count) * core, Int64(finest.rows.count) * core,
            ])
    }
}

extension Plan {
    /// West, south, east, north of the finest level's cores in degrees; nil on a plane.
    var bounds: [Double]? {
        guard canvas.surface == .webMercator else { return nil }
        let zoom = canvas.zoom(level: levels)
        let set = sets[levels]
        let core = canvas.geometry.core
        return [
            WebMercator.longitude(x: Double(set.columns.lowerBound * core), zoom: zoom),
            WebMercator.latitude(y: Double(set.rows.upperBound * core), zoom: zoom),
            WebMercator.longitude(x: Double(set.columns.upperBound * core), zoom: zoom),
            WebMercator.latitude(y: Double(set.rows.lowerBound * core), zoom: zoom),
        ]
    }
}
