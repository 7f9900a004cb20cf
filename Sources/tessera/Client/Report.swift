import Coordinator
import Scheduling

/// Columns of text, each as wide as its widest entry.
enum Table {
    static func lines(_ head: [String], _ rows: [[String]]) -> [String] {
        let all = [head] + rows
        let widths = head.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.map { row in
            let cells = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
            return String(cells.joined(separator: "  ").reversed().drop { $0 == " " }.reversed())
        }
    }

    static func show(_ head: [String], _ rows: [[String]]) { lines(head, rows).forEach { print($0) } }
}

/// Jobs and workers in words.
enum Report {
    static func lines(of job: JobStatus) -> [String] {
        let progress = job.progress
        var lines = [
            "\(job.id): \(progress.phase.rawValue), \(Words.percent(progress.done, of: progress.planned)), "
                + "\(progress.done) of \(progress.planned) windows"
                + (progress.phase == .running && job.rate > 0
                    ? ", \(Words.rate(job.rate)), \(Words.duration(job.secondsLeft)) left" : "")
        ]
        for level in progress.levels {
            let failed = level.failed > 0 ? ", \(level.failed) failed" : ""
            lines.append(
                "  level \(level.level) ▕\(Words.bar(level.done, of: level.planned, width: 32))▏ "
                    + "\(level.done)/\(level.planned)\(failed)")
        }
        lines.append(
            "  seed \(job.request.seed), base \(job.request.base ?? "built in"), model \(job.request.model ?? "built in")"
                + (job.mosaic.isEmpty ? "" : ", mosaic \(job.mosaic)"))
        if progress.unreachable > 0 { lines.append("  \(progress.unreachable) windows lie behind failed ones") }
        if let error = job.error { lines.append("  error: \(error)") }
        for failure in job.failures.prefix(5) { lines.append("  window \(failure.window): \(failure.reason)") }
        return lines
    }

    static func workers(_ workers: [WorkerStatus]) -> [String] {
        guard !workers.isEmpty else { return ["no workers; `tessera worker --connect` starts one"] }
        return Table.lines(
            ["WORKER", "NAME", "HOST", "DEVICE", "BATCH", "IN WORK", "DONE", "S/WINDOW", "HEARD", "STATE"],
            workers.map { worker in
                [
                    "\(worker.id)", worker.name, worker.host, worker.device, "\(worker.batch)", "\(worker.leased)",
                    "\(worker.windowsDone)", worker.secondsPerWindow.map { "\(($0 * 100).rounded() / 100)" } ?? "",
                    "\(Words.duration(worker.secondsSinceHeard)) ago",
                    worker.isDraining ? "draining" : worker.lastError ?? "ok",
                ]
            })
    }

    static func show(_ workers: [WorkerStatus]) { Self.workers(workers).forEach { print($0) } }
}
