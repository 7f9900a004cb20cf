import ArgumentParser
import Foundation
import Pyramid
import WorkerCommand

struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write a mosaic in another format.",
        discussion: """
            Every export may run while the mosaic is being rendered, shows what is there, and may be interrupted: the \
            same command goes on.
            """,
        subcommands: [
            ExportXYZCommand.self, ExportMBTilesCommand.self, ExportPMTilesCommand.self, ExportCOGCommand.self,
            ExportDZICommand.self, ExportTIFFCommand.self, ExportPNGCommand.self,
        ])
}

/// What every export of a whole mosaic takes, and how it is shown.
struct ExportOptions: ParsableArguments {
    @Argument(help: "The mosaic's folder.")
    var directory: String

    @Argument(help: "Where to write.")
    var output: String

    @Flag(help: "Write JSON.")
    var json = false

    private struct Result: Encodable {
        var event = "finished"
        var written: Int
        var kept: Int
        var bytes: Int
        var output: String
    }

    /// Open the mosaic, export it with a progress bar, and say what was done.
    func run(_ export: (Mosaic, URL, ExportProgress) throws -> ExportReport) throws {
        let mosaic = try Mosaic(reading: URL(filePath: directory))
        let interrupts = Interrupts()
        let screen = Screen()
        let draws = !json && Screen.isTerminal
        let clock = ContinuousClock()
        var drawn = clock.now
        let report: ExportReport
        do {
            report = try export(mosaic, URL(filePath: output)) { done, total in
                if draws, clock.now - drawn > .milliseconds(100) {
                    drawn = clock.now
                    screen.draw([
                        total == 0
                            ? "looking through the mosaic …"
                            : "  ▕\(Words.bar(done, of: total, width: 40))▏ \(Words.count(done, "tile"))"
                    ])
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
                    Result(written: report.written, kept: report.kept, bytes: report.bytes, output: output)))
        } else {
            print("\(Words.count(report.written, "tile")) written, \(report.kept) unchanged, in \(output)")
        }
    }
}

struct ExportXYZCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "xyz",
        abstract: "Write OUT/z/x/y.png, as web maps read them.",
        discussion: """
            Every zoom from the coarsest to the finest, with tilejson.json, WMTSCapabilities.xml, tms.xml (GDAL, QGIS), \
            stac.json and provenance.json beside them. Tiles that are there and equal are left alone.

            Example: tessera export xyz alps tiles --url https://example.org/alps
            """)

    @OptionGroup var options: ExportOptions

    @Option(help: "Where the folder will be on the web, for the descriptions; by default where it is written.")
    var url: String?

    @Flag(help: "Write every tile as RGBA, as GDAL's STACTA reader needs it.")
    var rgba = false

    func run() throws {
        try options.run { try XYZExporter($0, uniform: rgba, address: url).export(to: $1, progress: $2) }
    }
}

struct ExportMBTilesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mbtiles",
        abstract: "Write one MBTiles file.",
        discussion: """
            SQLite, every zoom, equal tiles once. Read by GDAL, QGIS, tile servers.

            Example: tessera export mbtiles alps alps.mbtiles
            """)

    @OptionGroup var options: ExportOptions

    func run() throws { try options.run { try MBTilesExporter($0).export(to: $1, progress: $2) } }
}

struct ExportPMTilesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pmtiles",
        abstract: "Write one PMTiles archive, to be read from a plain web server or object store.",
        discussion: "Example: tessera export pmtiles alps alps.pmtiles")

    @OptionGroup var options: ExportOptions

    func run() throws { try options.run { try PMTilesExporter($0).export(to: $1, progress: $2) } }
}

struct ExportCOGCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cog",
        abstract: "Write a Cloud Optimized GeoTIFF per cell of 16384 × 16384 pixels, and a VRT over them.",
        discussion: """
            OUT/cell_Z_X_Y.tif with the mosaic's own overviews, OUT/mosaic.vrt and OUT/stac.json. All but jpeg and webp \
            keep every value.

            Example: tessera export cog alps alps-cog --compress zstd
            """)

    @OptionGroup var options: ExportOptions

    enum Compression: String, ExpressibleByArgument, CaseIterable {
        case deflate, zstd, lzw, jpeg, webp
    }

    @Option(help: "How to pack pixels.")
    var compress: Compression = .deflate

    func run() throws {
        let compression = COGExporter.Compression(rawValue: compress.rawValue) ?? .deflate
        try options.run { try COGExporter($0, compression: compression).export(to: $1, progress: $2) }
    }
}

struct ExportDZICommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dzi",
        abstract: "Write a picture without georeference as Deep Zoom, as OpenSeadragon reads it.",
        discussion: """
            OUT.dzi and OUT_files/level/column_row.png.

            Example: tessera export dzi painting painting.dzi
            """)

    @OptionGroup var options: ExportOptions

    func run() throws { try options.run { try DZIExporter($0).export(to: $1, progress: $2) } }
}

struct ExportTIFFCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tiff",
        abstract: "Write the finest level as one flat TIFF (BigTIFF where it is large).",
        discussion: """
            Tiled, RGBA, DEFLATE, without overviews; an interrupted export begins again.

            Example: tessera export tiff painting painting.tif
            """)

    @OptionGroup var options: ExportOptions

    func run() throws { try options.run { try TIFFExporter($0).export(to: $1, progress: $2) } }
}
