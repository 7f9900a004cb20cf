import ArgumentParser
import Denoiser
import Foundation

struct ModelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "model", abstract: "Look into model files.", subcommands: [ModelInfoCommand.self])
}

struct ModelInfoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info",
        abstract: "Describe a model: network, schedule, resolutions, licence, digest.",
        discussion: """
            Reads the whole file and checks every tensor's place, type and shape, so it also tells whether a file is sound.

            Example: tessera model info models/tiny.safetensors
            """)

    @Argument(help: "The model file; the built-in model by default.")
    var file: String?

    @Flag(help: "Write JSON.")
    var json = false

    func run() throws {
        let url = try file.map { URL(filePath: $0) } ?? BuiltinModel.url()
        let model = try ModelFile(contentsOf: url)
        if json {
            let facts = Dictionary(model.summary.map { ($0.label, $0.value) }) { first, _ in first }
            return print(try JSONText.line(facts))
        }
        let width = model.summary.map(\.label.count).max() ?? 0
        for fact in model.summary {
            print(fact.label + String(repeating: " ", count: width - fact.label.count + 2) + fact.value)
        }
    }
}
