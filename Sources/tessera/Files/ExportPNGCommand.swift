import ArgumentParser
import Canvas
import Foundation
import Pyramid
import Raster

struct ExportPNGCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "png",
        abstract: "Write one picture of a mosaic.",
        discussion: """
            All of a level in one PNG, up to 2^26 pixels; --max-side takes a coarser overview for large mosaics. With \
            --compare, the map that it was made from stands at its left, upsampled by bicubic interpolation.

            Example: tessera export png alps alps.png --compare
            """)

    @Argument(help: "The mosaic's folder.")
    var directory: String

    @Argument(help: "The picture to write.")
    var output: String

    @Option(help: "The level; the finest by default.")
    var level: Int?

    @Option(help: "Take the finest overview whose sides are at most this many pixels.")
    var maxSide: Int64 = 8192

    @Flag(help: "Put the upsampled map beside it.")
    var compare = false

    @Flag(help: "Write JSON.")
    var json = false

    private struct Result: Encodable {
        var event = "finished"
        var width: Int
        var height: Int
        var output: String
    }

    func validate() throws {
        guard (16...65536).contains(maxSide) else {
            throw ValidationError("--max-side is 16 to 65536 pixels, not \(maxSide).")
        }
    }

    func run() throws {
        let mosaic = try Mosaic(reading: URL(filePath: directory))
        let level = level ?? mosaic.levels
        guard (1...max(1, mosaic.levels)).contains(level) else {
            throw CommandError("\(directory) has levels 1 to \(mosaic.levels), not \(level)")
        }
        let (rect, shrink) = try area(of: mosaic, level: level)
        var picture = try mosaic.picture(of: rect, level: level, zoom: mosaic.canvas.zoom(level: level) - shrink)
        if compare {
            let factor = 2 * level - shrink
            guard factor >= 0 else {
                throw CommandError("the picture is coarser than the map itself: raise --max-side to compare them")
            }
            let map = try Upsampling.bicubic(of: mosaic, rect: rect, factor: 1 << Int64(factor))
            picture = PNG.Picture(left: map, right: picture, gap: 16)
        }
        let data = try PNG.encode(picture)
        do {
            try Data(data).write(to: URL(filePath: output), options: .atomic)
        } catch {
            throw CommandError("cannot write \(output): \(error.localizedDescription)")
        }
        if json {
            print(try JSONText.line(Result(width: picture.width, height: picture.height, output: output)))
        } else {
            print("\(output), \(picture.width) × \(picture.height) pixels")
        }
    }

    /// Return what of the level is rendered, in pixels of the overview that is small enough, and how many zooms
    /// coarser that is.
    private func area(of mosaic: Mosaic, level: Int) throws -> (rect: PixelRect, shrink: Int) {
        let cores = mosaic.doneCores(level: level)
        guard !cores.isEmpty else { throw CommandError("\(directory) has nothing rendered at level \(level) yet") }
        let core = mosaic.canvas.geometry.core
        let x = cores.columns.lowerBound * core..<cores.columns.upperBound * core
        let y = cores.rows.lowerBound * core..<cores.rows.upperBound * core
        var shrink = 0
        while max(x.count, y.count) >> shrink > maxSide || (x.count >> shrink) * (y.count >> shrink) > 1 << 26 {
            shrink += 1
        }
        guard shrink <= mosaic.canvas.zoom(level: level) else {
            throw CommandError("\(directory) is too large for one picture")
        }
        let side = Int64(1) << Int64(shrink)
        let left = x.lowerBound.quotient(side)
        let top = y.lowerBound.quotient(side)
        return (
            PixelRect(
                x: left, y: top, width: max(1, x.upperBound.quotient(side) - left),
                height: max(1, y.upperBound.quotient(side) - top)), shrink
        )
    }
}

extension Int64 {
    /// Divide by a positive number, rounding down.
    func quotient(_ divisor: Int64) -> Int64 {
        let result = self / divisor
        return self % divisor < 0 ? result - 1 : result
    }
}
