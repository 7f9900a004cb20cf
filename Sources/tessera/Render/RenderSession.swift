import Coordinator
import Denoiser
import Fleet
import Foundation
import Logging
import Monitor
import Scheduling
import WorkerCommand

/// One run of `render`: coordinator, page and worker processes, from start to the end of the job.
final class RenderSession {
    enum Outcome {
        case finished
        case interrupted
        case failed(String)
    }

    struct FleetOptions {
        var workers: Int
        var batch: Int
        var threads: Int
        /// The arguments that name the kernel.
        var kernel: [String]
        var model: String?
    }

    private let request: JobRequest
    private let directory: URL
    private let display: ProgressDisplay
    /// The command that goes on where this one stops.
    private let again: String
    private let started = ContinuousClock().now
    private let interrupts = Interrupts {
        FileHandle.standardError.write(Data("\nstopping (Ctrl-C again: at once) …\n".utf8))
    }
    private var windowsDone: [UInt64: Int] = [:]
    private var reportedFailure: FleetError?
    /// Windows that were there already.
    private var before: Int?

    init(request: JobRequest, directory: URL, display: ProgressDisplay, again: String) {
        self.request = request
        self.directory = directory
        self.display = display
        self.again = again
    }

    func run(fleet options: FleetOptions, http: HTTPAddress?) throws -> Outcome {
        display.note("opening the map, the model and \(directory.path) …")
        let coordinator = try Coordinator(
            Coordinator.Configuration(directory: directory, singleMosaic: true, takesUpJobs: false))
        var isOpen = true
        defer { if isOpen { coordinator.shutdown() } }
        let access = try http.map { _ in try AccessToken(file: directory.appending(path: "token")) }
        let monitor = try http.map { try serve(coordinator, at: $0, access) }
        defer {
            monitor?.server.stop()
            if let http, let port = monitor?.port { access?.forget(host: http.bareHost, port: port) }
        }
        let id = try coordinator.submit(request)
        guard !interrupts.happened else { return interrupted(nil) }
        let fleet = try LocalFleet(fleetConfiguration(options, endpoint: coordinator.endpoint))
        defer { fleet.stop() }
        display.emit(.init(event: "started", job: id, workers: options.workers, directory: directory.path))
        let (outcome, job) = follow(id, coordinator, fleet)
        coordinator.shutdown()
        isOpen = false
        fleet.stop()
        return conclude(outcome, job, workers: options.workers)
    }

    private func serve(
        _ coordinator: Coordinator, at address: HTTPAddress, _ access: AccessToken?
    ) throws -> (server: MonitorServer, port: Int) {
        let server = MonitorServer(
            source: CoordinatorSource(coordinator),
            configuration: .init(
                host: address.bareHost, port: address.port, token: access?.text, tokenHint: access?.hint ?? ""),
            logger: Logger(label: "tessera.http"))
        let port = try server.start()
        let url = "http://\(address.host):\(port)/"
        access?.remember(host: address.bareHost, port: port)
        display.say(["page: \(url)"])
        display.emit(.init(event: "listening", http: url))
        return (server, port)
    }

    private func fleetConfiguration(_ options: FleetOptions, endpoint: String) throws -> LocalFleet.Configuration {
        let program = try WorkerProgram.find()
        let model = try options.model ?? BuiltinModel.url().path
        return LocalFleet.Configuration(
            executable: program.path,
            arguments: { worker in
                program.arguments + [
                    "--connect", endpoint, "--name", "worker-\(worker)", "--batch", "\(options.batch)",
                    "--threads", "\(options.threads)", "--model", model,
                    "--verbose",
                ] + options.kernel
            }, count: options.workers, logDirectory: directory.appending(path: "logs"))
    }

    /// Show the job until it is over, stopped, interrupted, or nobody is left to render it.
    private func follow(_ id: JobID, _ coordinator: Coordinator, _ fleet: LocalFleet) -> (Outcome, JobStatus?) {
        var latest: JobStatus?
        while true {
            interrupts.wait(.milliseconds(250))
            if let failure = coordinator.failure { return (.failed(failure), latest) }
            let status = coordinator.status()
            forgive(status.workers, fleet)
            let job = status.jobs.first { $0.id == id }
            latest = job ?? latest
            if let job {
                before = before ?? job.progress.done
                display.show(job, workers: status.workers.count)
                if let outcome = Self.outcome(of: job) { return (outcome, job) }
            }
            if interrupts.happened { return (.interrupted, latest) }
            if let failure = fleet.failure {
                if fleet.isExhausted { return (.failed("\(failure)"), latest) }
                if reportedFailure == nil { Program.complain("\(failure)") }
                reportedFailure = failure
            } else if fleet.isExhausted {
                return (.failed("all workers have left, and the job is not finished. To go on: \(again)"), latest)
            }
        }
    }

    private static func outcome(of job: JobStatus) -> Outcome? {
        switch job.progress.phase {
        case .finished:
            if job.progress.failed > 0 {
                return .failed(
                    "\(Words.count(job.progress.failed, "window")) could not be rendered; the same command tries again: "
                        + (job.failures.first.map { "window \($0.window): \($0.reason)" } ?? job.error
                            ?? "no reason given"))
            }
            return job.error.map { .failed($0) } ?? .finished
        case .cancelled: return .failed("the job was cancelled")
        case .paused: return job.error.map { .failed("stopped: \($0)") }
        case .running: return nil
        }
    }

    /// Tell the fleet which processes get something done.
    private func forgive(_ workers: [WorkerStatus], _ fleet: LocalFleet) {
        for worker in workers where worker.windowsDone > windowsDone[worker.id, default: 0] {
            windowsDone[worker.id] = worker.windowsDone
            fleet.madeProgress(pid: Int32(truncatingIfNeeded: worker.pid))
        }
    }

    private func interrupted(_ job: JobStatus?) -> Outcome {
        display.emit(event("interrupted", job, resume: again))
        display.say(["interrupted; everything finished so far is kept. To go on:", "  " + again])
        return .interrupted
    }

    private func conclude(_ outcome: Outcome, _ job: JobStatus?, workers: Int) -> Outcome {
        display.finish(job, workers: workers)
        switch outcome {
        case .interrupted: return interrupted(job)
        case .failed(let reason):
            display.emit(event("failed", job, resume: again, message: reason))
        case .finished:
            display.emit(event("finished", job))
            if let job {
                let rendered = job.progress.done - (before ?? 0)
                let time = Words.duration((ContinuousClock().now - started) / .seconds(1))
                display.say([
                    rendered == 0
                        ? "nothing left to do: all \(Words.count(job.progress.planned, "window")) were rendered before, in "
                            + directory.path
                        : "\(Words.count(rendered, "window")) rendered in \(time), zoom \(job.zooms.lowerBound) to "
                            + "\(job.zooms.upperBound), in \(directory.path)",
                    "  look at it:            \(Shell.command(["tessera", "serve", "--out", directory.path]))",
                    "  tiles for any viewer:  \(Shell.command(["tessera", "export", "xyz", directory.path, "OUT"]))",
                ])
            }
        }
        return outcome
    }

    private func event(
        _ name: String, _ job: JobStatus?, resume: String? = nil, message: String? = nil
    ) -> ProgressDisplay.Event {
        var event = job.map { ProgressDisplay.event(name, $0, workers: 0) } ?? .init(event: name)
        event.workers = nil
        event.rate = nil
        event.secondsLeft = nil
        event.directory = directory.path
        event.seconds = (ContinuousClock().now - started) / .seconds(1)
        event.resume = resume
        event.message = message
        return event
    }
}
