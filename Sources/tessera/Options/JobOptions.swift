public import ArgumentParser
import Canvas
import Coordinator
public import Diffusion
import Foundation
public import Noise

/// What to render, and how: the options that `render` and `submit` share.
struct JobOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The low-resolution map: any raster GDAL reads, or a plain picture; the built-in world map by default.",
            valueName: "file"))
    var base: String?

    @OptionGroup(title: "Region") var place: RegionOptions

    @Option(help: "How many times to add detail, ×4 each.")
    var levels = 2

    @Option(help: "The seed: the same seed gives the same picture.")
    var seed: UInt64 = 0

    @Option(help: ArgumentHelp("The model file; the built-in model by default.", valueName: "file"))
    var model: String?

    @Option(
        help: ArgumentHelp(
            "ddim or dpm++, with --steps; or all in one, as ddim:50:eta=0.5 or dpm++:10:spacing=logsnr. The model's own by default.",
            valueName: "name"))
    var sampler: String?

    @Option(help: "How often the network is asked for each window.")
    var steps: Int?

    @Option(
        help: ArgumentHelp(
            "How the steps are spread: t (evenly over the training steps, the default) or logsnr (evenly in the logarithm of signal to noise: better with few steps).",
            valueName: "t|logsnr"))
    var spacing: TimestepSpacing?

    @Option(help: "What the noise of a window depends on: canvas, shared, periodic or independent.")
    var noise = NoiseMode.canvas

    @Option(
        help: ArgumentHelp(
            "How degraded to call the map, 0 (clean) to 1, for level 1, 2 …; the model's own by default.",
            valueName: "u[,u…]"))
    var degradation: String?

    @Option(help: "The zoom of level 0; by default the one nearest to the map's resolution.")
    var baseZoom: Int?

    @Option(help: "Metres per pixel of a picture without georeference, for the model.")
    var resolution: Double?

    @Option(help: "Pixels along the side of a core, the part of a window that is kept: a power of two, 32 to 256.")
    var core: Int64 = 128

    @Option(help: "Pixels that are cropped off every side of a window; half the core by default.")
    var margin: Int64?

    @Flag(help: "Let only workers of one numeric profile render, so that the bytes can be made again exactly.")
    var exact = false

    mutating func validate() throws {
        try place.check(hasBase: base != nil)
        guard (1...15).contains(levels) else { throw ValidationError("--levels is 1 to 15, not \(levels).") }
        if let baseZoom, !(0...Canvas.maximumZoom).contains(baseZoom) {
            throw ValidationError("--base-zoom is 0 to \(Canvas.maximumZoom), not \(baseZoom).")
        }
        if let resolution, !(resolution.isFinite && resolution > 0) {
            throw ValidationError("--resolution is metres per pixel, more than 0, not \(resolution).")
        }
        _ = try geometry()
        _ = try samplerText()
        _ = try degradations()
    }

    /// Return the request; paths are made absolute, so that it is the same request from another folder.
    func request(priority: Int = 0) throws -> JobRequest {
        JobRequest(
            base: base.map(Self.absolute), baseZoom: baseZoom, metresPerPixel: resolution,
            region: try place.parsed(hasBase: base != nil), levels: levels, seed: seed,
            model: model.map(Self.absolute), sampler: try samplerText(), noise: noise, degradation: try degradations(),
            geometry: try geometry(), exact: exact, priority: priority)
    }

    /// Make a path absolute, but leave what GDAL reads from elsewhere (/vsicurl/…, WMS:…) as it is.
    private static func absolute(_ path: String) -> String {
        FileManager.default.fileExists(atPath: path) ? URL(filePath: path).standardizedFileURL.path : path
    }

    private func geometry() throws -> WindowGeometry {
        do {
            return try WindowGeometry(core: core, margin: margin ?? core / 2)
        } catch {
            throw ValidationError("--core and --margin: \(error).")
        }
    }

    private func samplerText() throws -> String? {
        guard let sampler else {
            for (name, value) in [("steps", steps.map { "\($0)" }), ("spacing", spacing?.rawValue)] {
                guard let value else { continue }
                throw ValidationError("--\(name) \(value) needs --sampler ddim or --sampler dpm++.")
            }
            return nil
        }
        if let steps, sampler.contains(":") {
            throw ValidationError("--sampler \(sampler) names its steps already: leave out --steps \(steps).")
        }
        if let spacing, sampler.contains(":spacing=") {
            throw ValidationError(
                "--sampler \(sampler) names its spacing already: leave out --spacing \(spacing.rawValue).")
        }
        let text = sampler + (steps.map { ":\($0)" } ?? "") + (spacing.map { ":spacing=\($0.rawValue)" } ?? "")
        do {
            return try SamplerSpecification(parsing: text).description
        } catch {
            throw ValidationError("--sampler \(sampler): \(error).")
        }
    }

    private func degradations() throws -> [Double]? {
        guard let degradation else { return nil }
        let values: [Double] = try NumberList.parse(
            degradation, option: "--degradation", form: "numbers from 0 to 1 with commas between", count: 1...15)
        guard values.allSatisfy({ (0...1).contains($0) }) else {
            throw ValidationError("--degradation \(degradation): each number is 0 (clean) to 1.")
        }
        return values
    }
}

extension NoiseMode: ExpressibleByArgument {}
extension TimestepSpacing: ExpressibleByArgument {}
