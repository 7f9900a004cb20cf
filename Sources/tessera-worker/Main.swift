import WorkerCommand

/// The worker alone: no GDAL, no HTTP.
@main enum Main {
    static func main() { Program.run(WorkerCommand.self) }
}
