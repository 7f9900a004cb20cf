import ArgumentParser
import Coordinator
import Monitor
import Scheduling

struct JobsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jobs", abstract: "List the coordinator's jobs.",
        discussion: "Example: tessera jobs --to http://127.0.0.1:8080")

    @OptionGroup var client: ClientOptions

    func run() throws {
        let jobs: [JobStatus] = try client.client().get("jobs")
        guard !client.json else { return print(try JSONText.line(jobs)) }
        guard !jobs.isEmpty else { return print("no jobs; `tessera submit` hands one in") }
        Table.show(
            ["JOB", "STATE", "WINDOWS", "", "RATE", "LEFT", "SEED", "MOSAIC"],
            jobs.map { job in
                let running = job.progress.phase == .running
                return [
                    job.id, job.progress.phase.rawValue, "\(job.progress.done)/\(job.progress.planned)",
                    Words.percent(job.progress.done, of: job.progress.planned),
                    running && job.rate > 0 ? Words.rate(job.rate) : "",
                    running && job.secondsLeft != nil ? Words.duration(job.secondsLeft) : "", "\(job.request.seed)",
                    job.mosaic,
                ]
            })
    }
}

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show how far a job is, or the whole coordinator.",
        discussion: """
            --dump writes the whole state as JSON, for a bug report: jobs, workers, leases, blame, with passwords and keys \
            covered.

            Examples:
              tessera status job-1
              tessera status --json
              tessera status --dump > dump.json
            """)

    @OptionGroup var client: ClientOptions

    @Argument(help: "The job; without it, all jobs and workers.")
    var job: String?

    @Flag(help: "Write the whole state, for a bug report.")
    var dump = false

    func run() throws {
        let client = try client.client()
        if dump { return print(String(decoding: try client.data("dump"), as: UTF8.self)) }
        if let job {
            let status = try client.job(job)
            guard !self.client.json else { return print(try JSONText.line(status)) }
            Report.lines(of: status).forEach { print($0) }
            return
        }
        let status: Status = try client.get("status")
        guard !self.client.json else { return print(try JSONText.line(status)) }
        print("coordinator \(status.softwareVersion), workers connect to \(status.endpoint)")
        for job in status.jobs {
            print("")
            Report.lines(of: job).forEach { print($0) }
        }
        print("")
        Report.show(status.workers)
    }
}

/// The commands that change a job's state.
protocol JobAction: ParsableCommand {
    static var action: String { get }
    static var done: String { get }
    var client: ClientOptions { get }
    var job: String { get }
}

extension JobAction {
    func run() throws {
        let changed: JobCreated = try client.client().post("jobs/\(job)/\(Self.action)", [String: String]())
        print(client.json ? try JSONText.line(changed) : "\(job) \(Self.done)")
    }
}

struct PauseCommand: JobAction {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Lease no more windows of a job; those in work are still kept.",
        discussion: "Example: tessera pause job-1")
    static let action = "pause"
    static let done = "pauses"

    @OptionGroup var client: ClientOptions
    @Argument(help: "The job.") var job: String
}

struct ResumeCommand: JobAction {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Go on with a paused job.", discussion: "Example: tessera resume job-1")
    static let action = "resume"
    static let done = "goes on"

    @OptionGroup var client: ClientOptions
    @Argument(help: "The job.") var job: String
}

struct CancelCommand: JobAction {
    static let configuration = CommandConfiguration(
        commandName: "cancel", abstract: "Give up a job; what it rendered stays.",
        discussion: "Submitting the same request again goes on with it.\n\nExample: tessera cancel job-1")
    static let action = "cancel"
    static let done = "is cancelled"

    @OptionGroup var client: ClientOptions
    @Argument(help: "The job.") var job: String
}
