import ArgumentParser
import Coordinator
import Monitor

struct WorkersCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "workers", abstract: "List the coordinator's workers, and say whose keys are let in.",
        subcommands: [
            ListWorkersCommand.self, AllowWorkerCommand.self, RevokeWorkerCommand.self, WorkerKeysCommand.self,
        ],
        defaultSubcommand: ListWorkersCommand.self)
}

struct ListWorkersCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the coordinator's workers.",
        discussion: "Example: tessera workers --to http://127.0.0.1:8080")

    @OptionGroup var client: ClientOptions

    func run() throws {
        let workers: [WorkerStatus] = try client.client().get("workers")
        guard !client.json else { return print(try JSONText.line(workers)) }
        Report.show(workers)
    }
}

struct DrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain",
        abstract: "Let a worker go, without losing a window.",
        discussion: """
            The worker finishes its batch and leaves; with --now it hands the batch back for others at once.

            Example: tessera drain 3 --reason "the machine is needed"
            """)

    @OptionGroup var client: ClientOptions

    @Argument(help: "The worker's number, or its name.")
    var worker: String

    @Flag(help: "Hand the batch back instead of finishing it.")
    var now = false

    @Option(help: "Why, for the log.")
    var reason: String

    func run() throws {
        let client = try client.client()
        let workers: [WorkerStatus] = try client.get("workers")
        let named = workers.filter { "\($0.id)" == worker || $0.name == worker }
        guard let found = named.first, named.count == 1 else {
            throw CommandError(
                named.isEmpty
                    ? "there is no worker \"\(worker)\"; `tessera workers` lists them"
                    : "\(named.count) workers are called \"\(worker)\"; give the number that `tessera workers` lists")
        }
        let order = DrainRequest(now: now, reason: reason)
        let answer: JobCreated = try client.post("workers/\(found.id)/drain", order)
        print(self.client.json ? try JSONText.line(answer) : "\(found.name) is asked to leave")
    }
}
