import Coordinator
import Foundation
import Monitor
import Scheduling

/// How a running job is shown: bars on a terminal, lines elsewhere, or JSON, an object a line.
final class ProgressDisplay {
    enum Style {
        case bars, lines, json
    }

    /// One line of `--json`.
    struct Event: Encodable {
        var event: String
        var job: String?
        var done: Int?
        var planned: Int?
        var failed: Int?
        var rate: Double?
        var secondsLeft: Double?
        var workers: Int?
        var levels: [JobProgress.Level]?
        var directory: String?
        var http: String?
        var resume: String?
        var seconds: Double?
        var message: String?
    }

    private let style: Style
    private let screen = Screen()
    private let clock = ContinuousClock()
    private var lastLine: ContinuousClock.Instant?
    private var lastDone = -1

    init(json: Bool) {
        style = json ? .json : Screen.isTerminal ? .bars : .lines
    }

    func note(_ text: String) {
        switch style {
        case .bars: screen.draw([text])
        case .lines: print(text)
        case .json: break
        }
    }

    func show(_ job: JobStatus, workers: Int) {
        switch style {
        case .bars: screen.draw(Self.bars(job, workers: workers, columns: screen.columns))
        case .lines:
            guard isDue(every: .seconds(5), job) else { return }
            print(Self.line(job, workers: workers))
        case .json:
            guard isDue(every: .seconds(1), job) else { return }
            emit(Self.event("progress", job, workers: workers))
        }
    }

    /// Draw the last state, and let it stand.
    func finish(_ job: JobStatus?, workers: Int) {
        if style == .bars, let job { screen.draw(Self.bars(job, workers: workers, columns: screen.columns)) }
        screen.keep()
    }

    func emit(_ event: Event) {
        guard style == .json, let data = try? APICoding.encoder().encode(event) else { return }
        print(String(decoding: data, as: UTF8.self))
    }

    /// Say the outcome, on standard output.
    func say(_ lines: [String]) {
        guard style != .json else { return }
        lines.forEach { print($0) }
    }

    private func isDue(every interval: Duration, _ job: JobStatus) -> Bool {
        guard job.progress.done != lastDone, lastLine.map({ clock.now - $0 >= interval }) ?? true else { return false }
        lastLine = clock.now
        lastDone = job.progress.done
        return true
    }

    static func event(_ name: String, _ job: JobStatus, workers: Int) -> Event {
        Event(
            event: name, job: job.id, done: job.progress.done, planned: job.progress.planned,
            failed: job.progress.failed, rate: job.rate, secondsLeft: job.secondsLeft, workers: workers,
            levels: job.progress.levels)
    }

    static func line(_ job: JobStatus, workers: Int) -> String {
        let progress = job.progress
        let failed = progress.failed > 0 ? ", \(progress.failed) failed" : ""
        return "\(progress.done)/\(progress.planned) windows (\(Words.percent(progress.done, of: progress.planned)))"
            + "\(failed), " + summary(job, workers: workers)
    }

    static func bars(_ job: JobStatus, workers: Int, columns: Int) -> [String] {
        let progress = job.progress
        let counts = progress.levels.map { "\($0.done)/\($0.planned)" + ($0.failed > 0 ? ", \($0.failed) failed" : "") }
        let longest = counts.map(\.count).max() ?? 0
        let width = max(8, min(48, columns - longest - 16))
        var lines = zip(progress.levels, counts).map { level, count in
            "  level \(level.level) ▕\(Words.bar(level.done, of: level.planned, width: width))▏ \(count)"
        }
        lines.append(
            "  \(Words.percent(progress.done, of: progress.planned)) · " + summary(job, workers: workers))
        if let error = job.error { lines.append("  \(error)") }
        return lines
    }

    private static func summary(_ job: JobStatus, workers: Int) -> String {
        let who = Words.count(workers, "worker")
        guard job.progress.phase == .running else { return "\(job.progress.phase.rawValue), \(who)" }
        guard job.rate > 0 else { return workers == 0 ? "waiting for workers" : "no window finished yet, \(who)" }
        if job.progress.done + job.progress.failed == job.progress.planned { return "building the overviews" }
        return "\(Words.rate(job.rate)) · \(Words.duration(job.secondsLeft)) left · \(who)"
    }
}
