import ArgumentParser
import Coordinator
import Foundation
import Scheduling
import WorkerCommand

struct WatchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Follow a job until it ends.",
        discussion: """
            Redraws on a terminal; elsewhere it prints a line whenever something has changed. It waits for a coordinator \
            that restarts. Ctrl-C ends the watching, not the job.

            Exit status: 0 the job is finished, 1 it failed or was cancelled, 3 interrupted before its end.

            Example: tessera watch job-1 --to http://127.0.0.1:8080
            """)

    @OptionGroup var client: ClientOptions

    @Argument(help: "The job; without it, the only one there is.")
    var job: String?

    func run() throws {
        let client = try client.client()
        let interrupts = Interrupts()
        let display = ProgressDisplay(json: self.client.json)
        var status: Status = try client.get("status")
        let id = try job ?? Self.only(status.jobs)
        while true {
            guard let found = status.jobs.first(where: { $0.id == id }) else {
                throw CommandError("there is no job \"\(id)\"; `tessera jobs` lists them")
            }
            display.show(found, workers: status.workers.count { !$0.isDraining })
            if found.progress.phase.isOver { return try end(found, display, workers: status.workers.count) }
            var answer: Status?
            repeat {
                interrupts.wait(.seconds(1))
                if interrupts.happened { throw ExitCode(3) }
                do {
                    answer = try client.get("status")
                } catch is Unreachable {
                    display.note("the coordinator does not answer; waiting for it …")
                }
            } while answer == nil
            status = answer ?? status
        }
    }

    private static func only(_ jobs: [JobStatus]) throws -> String {
        let open = jobs.filter { !$0.progress.phase.isOver }
        if let job = jobs.count == 1 ? jobs.first : open.count == 1 ? open.first : nil { return job.id }
        throw CommandError(
            jobs.isEmpty
                ? "the coordinator has no jobs; `tessera submit` hands one in"
                : "which of the \(jobs.count) jobs? `tessera jobs` lists them")
    }

    private func end(_ job: JobStatus, _ display: ProgressDisplay, workers: Int) throws {
        display.finish(job, workers: workers)
        let failed = job.progress.phase == .cancelled || job.progress.failed > 0 || job.error != nil
        display.emit(ProgressDisplay.event(failed ? "failed" : "finished", job, workers: workers))
        guard failed else { return display.say(["\(job.id) is finished"]) }
        let count = Words.count(job.progress.failed, "window")
        Program.complain(
            job.progress.phase == .cancelled ? "\(job.id) was cancelled" : job.error ?? "\(count) of \(job.id) failed")
        throw ExitCode(1)
    }
}
