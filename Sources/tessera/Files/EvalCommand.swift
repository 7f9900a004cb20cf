import ArgumentParser
import Canvas
import Evaluation
import Foundation
import Pyramid
import Raster

struct EvalCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "eval", abstract: "Measure a mosaic.", subcommands: [EvalSeamsCommand.self])
}

struct EvalSeamsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "seams",
        abstract: "Measure how visible the boundaries of cores are.",
        discussion: """
            The parallel-line ratio: the mean difference of brightness across the boundaries, over that across lines \
            beside them. 1 is invisible. The null is the same on lines that are no boundary: what no seam at all would \
            read on this picture. Periodic is the power that the brightness differences have at one cycle per core and \
            its multiples, over that beside them: 1 is nothing, more is a lattice, or noise that repeats.

            Example: tessera eval seams alps
            """)

    @Argument(help: "The mosaic's folder.")
    var directory: String

    @Option(help: "The level to measure; the finest by default.")
    var level: Int?

    @Flag(help: "Write JSON.")
    var json = false

    func run() throws {
        let mosaic = try Mosaic(reading: URL(filePath: directory))
        let level = level ?? mosaic.levels
        guard (1...max(1, mosaic.levels)).contains(level) else {
            throw CommandError("\(directory) has levels 1 to \(mosaic.levels), not \(level)")
        }
        let cores = mosaic.doneCores(level: level)
        let core = mosaic.canvas.geometry.core
        let strips = try StripReader(mosaic, level: level, cores: cores)
        let report = SeamReport(core: Int(core), strips: strips)
        if let failure = strips.failure { throw failure }
        guard let report else {
            throw CommandError("\(directory) has no two neighbouring cores with texture at level \(level) yet")
        }
        guard !json else { return print(try JSONText.line(report)) }
        for (name, figure) in [("seams   ", report.seams), ("null    ", report.null)] {
            print("\(name)  \(Self.text(figure.ratio, figure.interval)), \(Words.count(figure.edges, "edge"))")
        }
        if let periodic = report.periodic {
            print(
                "periodic  \(Self.text(periodic.ratio, periodic.interval)), \(Words.count(periodic.rows, "row")) of cores"
            )
        }
    }

    private static func text(_ ratio: Double, _ interval: [Double]) -> String {
        let bounds = interval.map { String(format: "%.4f", $0) }.joined(separator: " to ")
        return "\(String(format: "%.4f", ratio))  (95 %: \(bounds))"
    }
}

/// Reads a level in rows of cores, one strip in memory at a time.
final class StripReader: Sequence, IteratorProtocol {
    private static let maximumWidth = Int64(1) << 18

    private let mosaic: Mosaic
    private let level: Int
    private let columns: Range<Int64>
    private let end: Int64
    private var top: Int64
    /// What ended the reading before its end.
    private(set) var failure: (any Error)?

    init(_ mosaic: Mosaic, level: Int, cores: CoreSet) throws {
        let core = mosaic.canvas.geometry.core
        columns = cores.columns.lowerBound * core..<cores.columns.upperBound * core
        guard columns.count <= Self.maximumWidth else {
            throw CommandError(
                "the level is \(columns.count) pixels wide; seams are measured up to \(Self.maximumWidth)")
        }
        self.mosaic = mosaic
        self.level = level
        top = cores.rows.lowerBound * core
        end = cores.rows.upperBound * core
    }

    func next() -> LumaStrip? {
        guard top < end, !columns.isEmpty else { return nil }
        let core = mosaic.canvas.geometry.core
        let rect = PixelRect(
            x: columns.lowerBound, y: top, width: Int64(columns.count),
            height: Swift.min(core + Int64(SeamMeter.overlap), end - top))
        top += core
        do {
            return LumaStrip(rect, pixels: try mosaic.picture(of: rect, level: level).rgba())
        } catch {
            failure = error
            return nil
        }
    }
}

extension LumaStrip {
    /// - Parameter pixels: RGBA; transparent pixels count as none.
    init(_ rect: PixelRect, pixels: [UInt8]) {
        self.init(x: rect.x, y: rect.y, width: Int(rect.width), height: Int(rect.height))
        for index in values.indices where pixels[4 * index + 3] == 255 {
            values[index] = Self.luma(pixels[4 * index], pixels[4 * index + 1], pixels[4 * index + 2])
        }
    }
}
