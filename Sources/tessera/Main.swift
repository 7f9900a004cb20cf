import WorkerCommand

@main enum Main {
    static func main() { Program.run(Tessera.self) }
}
