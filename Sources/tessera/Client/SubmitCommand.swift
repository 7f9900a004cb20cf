import ArgumentParser
import Monitor

struct SubmitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "submit",
        abstract: "Hand a job to a coordinator.",
        discussion: """
            Prints the job's id. Files (--base, --model) are opened by the coordinator, so name them as they are on its \
            machine. The same request again is the same job: it goes on where it stopped.

            Example: tessera submit --to http://127.0.0.1:8080 --bbox=6.5,45.5,7.5,46.2 --levels 2 --seed 7
            """)

    @OptionGroup(title: "Coordinator") var client: ClientOptions
    @OptionGroup var job: JobOptions

    @Option(parsing: .unconditional, help: "Jobs of higher priority get workers first.")
    var priority = 0

    func run() throws {
        let created: JobCreated = try client.client().post("jobs", try job.request(priority: priority))
        print(client.json ? try JSONText.line(created) : created.id)
    }
}
