import ArgumentParser
import Monitor

struct RetryCommand: JobAction {
    static let configuration = CommandConfiguration(
        commandName: "retry", abstract: "Try a job's failed windows again.",
        discussion: """
            Workers that were blocked for the job get another chance too. A cancelled job is handed in again with `submit`.

            Example: tessera retry job-1
            """)
    static let action = "retry"
    static let done = "tries its failed windows again"

    @OptionGroup var client: ClientOptions
    @Argument(help: "The job.") var job: String
}

struct FirstCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "first", abstract: "Render a part of a job before the rest.",
        discussion: """
            The newest rectangle counts; without one, the job goes on in its usual order. It holds until the coordinator \
            stops.

            Examples:
              tessera first job-1 --bbox=7.0,45.8,7.2,46.0
              tessera first job-1 --off
            """)

    @OptionGroup var client: ClientOptions
    @Argument(help: "The job.") var job: String

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("A box in degrees of longitude and latitude.", valueName: "W,S,E,N"))
    var bbox: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("A rectangle in pixels of level 0.", valueName: "x,y,width,height"))
    var rect: String?

    @Flag(help: "No part first any more.")
    var off = false

    func validate() throws {
        let given = [bbox != nil, rect != nil, off].count { $0 }
        guard given == 1 else { throw ValidationError("Say which part, with --bbox or --rect, or end it with --off.") }
        _ = try request()
    }

    func run() throws {
        let changed: JobCreated = try client.client().post("jobs/\(job)/first", try request())
        print(
            client.json
                ? try JSONText.line(changed) : off ? "\(job) goes on as usual" : "\(job) renders that part first")
    }

    private func request() throws -> FirstRequest {
        FirstRequest(
            bbox: try bbox.map {
                try NumberList.parse($0, option: "--bbox", form: "west,south,east,north in degrees", count: 4...4)
            },
            rect: try rect.map {
                try NumberList.parse($0, option: "--rect", form: "x,y,width,height in whole pixels", count: 4...4)
            })
    }
}

struct PriorityCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "priority", abstract: "Change a job's priority; the highest gets workers first.",
        discussion: """
            Jobs of equal priority share the workers. It holds until the coordinator stops; then the priority of `submit` \
            counts again.

            Example: tessera priority job-1 5
            """)

    @OptionGroup var client: ClientOptions
    @Argument(help: "The job.") var job: String
    @Argument(parsing: .allUnrecognized, help: "The new priority.") var priority: [String]

    func validate() throws {
        guard priority.count == 1, Int(priority[0]) != nil else {
            throw ValidationError("The priority is one whole number, such as 5 or -1.")
        }
    }

    func run() throws {
        let order = PriorityRequest(priority: priority.first.flatMap { Int($0) } ?? 0)
        let changed: JobCreated = try client.client().post("jobs/\(job)/priority", order)
        print(client.json ? try JSONText.line(changed) : "\(job) has priority \(order.priority)")
    }
}
