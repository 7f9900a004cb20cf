import ArgumentParser
import Foundation
import Pyramid
import WorkerCommand

struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write a mosaic in another format.",
        subcommands: [ExportXYZCommand.self, ExportPNGCommand.self])
}

struct ExportXYZCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "xyz",
        abstract: "Write OUT/z/x/y.png, as web maps read them.",
        discussion: """
            Every zoom from the coarsest to the finest. It may run while the mosaic is being rendered, and again later: \
            tiles that are there and equal are left alone.

            Example: tessera export xyz alps tiles
            """)

    @Argument(help: "The mosaic's folder.")
    var directory: String

    @Argument(help: "Where to write; created where it is missing.")
    var output: String

    @Flag(help: "Write JSON.")
    var json = false

    private struct Result: Encodable {
        var event = "finished"
        var written: Int
        var kept: Int
        var bytes: Int
        var directory: String
    }

    func run() throws {
        let mosaic = try Mosaic(reading: URL(filePath: directory))
        let interrupts = Interrupts()
        let screen = Screen()
        let draws = !json && Screen.isTerminal
        let clock = ContinuousClock()
        var drawn = clock.now
        let report: XYZExporter.Report
        do {
            report = try XYZExporter(mosaic).export(to: URL(filePath: output)) { done, total in
                if draws, clock.now - drawn > .milliseconds(100) {
                    drawn = clock.now
                    screen.draw(["  ▕\(Words.bar(done, of: total, width: 40))▏ \(Words.count(done, "tile"))"])
                }
                return !interrupts.happened
            }
        } catch is CancellationError {
            screen.clear()
            let again = Shell.command(["tessera"] + CommandLine.arguments.dropFirst())
            print("interrupted; the same command goes on: \(again)")
            throw ExitCode(3)
        }
        screen.clear()
        if json {
            print(
                try JSONText.line(
                    Result(written: report.written, kept: report.kept, bytes: report.bytes, directory: output)))
        } else {
            print("\(Words.count(report.written, "tile")) written, \(report.kept) unchanged, in \(output)")
        }
    }
}
