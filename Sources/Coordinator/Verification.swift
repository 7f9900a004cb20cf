public import Canvas
public import Foundation
internal import Noise
public import Pyramid
internal import Raster
internal import Scheduling
public import Wire

/// A finished or interrupted mosaic, and how its windows are made again to compare.
///
/// It only reads. Like the mosaic, it may be used from any thread.
public final class Verification: Sendable {
    public let mosaic: Mosaic
    /// The job as workers are told of it.
    public let description: JobDescription
    /// The model file as it is sent to workers.
    public let modelBytes: Data
    private let sources: JobSources

    /// Open a mosaic, with the request, base map and model it was made from.
    ///
    /// - Parameters:
    ///   - directory: Of one mosaic: what `render` made, or a mosaic's folder below that of `serve`.
    ///   - base: The base raster where it lies elsewhere now.
    ///   - model: Likewise the model.
    /// - Throws: `MosaicError`, and `CoordinatorError` where no request is known, or map or model are not those that the
    ///   mosaic was made from.
    public init(directory: URL, base: String? = nil, model: String? = nil) throws {
        let opened = try Mosaic(reading: directory)
        mosaic = opened
        let folders = [directory, directory.resolvingSymlinksInPath().deletingLastPathComponent()]
        let records = try folders.flatMap { try JobStore.read($0) }
        var problem: any Error = CoordinatorError(
            .badRequest, "\(directory.path): no jobs.sqlite here or above tells how the mosaic was made")
        var found: JobSources?
        for record in records where found == nil {
            do {
                var request = try JSONDecoder().decode(JobRequest.self, from: Data(record.request.utf8))
                request.base = base ?? request.base
                request.model = model ?? request.model
                let sources = try JobSources(request, id: record.id)
                try opened.description.require(sources.mosaic, directory: directory.path)
                found = sources
            } catch {
                problem = error
            }
        }
        guard let found else { throw problem }
        sources = found
        description = found.description
        modelBytes = found.modelBytes
    }

    /// Return stored windows of all levels, chosen by a seed; all of them where there are no more than `count`.
    ///
    /// - Complexity: O(cores stored) in time, O(count) in memory.
    public func sample(_ count: Int, seed: UInt64) -> [Core] {
        // Reservoir sampling (Vitter's algorithm R), with SplitMix64.
        var chosen: [Core] = []
        var seen: UInt64 = 0
        var state = seed
        func random(below bound: UInt64) -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var z = state
            z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
            z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
            return (z ^ z >> 31) % bound
        }
        for level in stride(from: 1, through: mosaic.levels, by: 1) {
            mosaic.doneCores(level: level).forEach { column, row in
                let core = Core(level: level, column: column, row: row)
                seen += 1
                if chosen.count < count {
                    chosen.append(core)
                } else {
                    let place = random(below: seen)
                    if place < UInt64(count) { chosen[Int(place)] = core }
                }
            }
        }
        return chosen
    }

    /// Return what a worker needs to make a window again.
    public func request(for core: Core) throws -> WindowRequest {
        WindowRequest(
            core: core,
            constants: ModelScalar.values(
                sources.scalars, of: core, on: mosaic.canvas, degradation: sources.degradation),
            condition: try mosaic.condition(for: core))
    }

    /// Return whether a core's stored pixels are these.
    ///
    /// - Parameter rgb: C · C · 3 bytes in row order.
    public func isStored(_ core: Core, rgb: [UInt8]) throws -> Bool {
        let picture = try mosaic.picture(of: mosaic.canvas.geometry.coreRect(core), level: core.level)
        guard rgb.count == picture.width * picture.height * 3 else { return false }
        let mask = try mosaic.mask(for: core)
        for pixel in 0..<picture.width * picture.height {
            let alpha = mask?[pixel] ?? 255
            let isThere = picture.channels == 3 || picture.pixels[4 * pixel + 3] == alpha
            guard isThere, picture.channels == 4 || alpha == 255 else { return false }
            guard alpha != 0 else { continue }
            for channel in 0..<3
            where picture.pixels[picture.channels * pixel + channel] != rgb[3 * pixel + channel] { return false }
        }
        return true
    }

    /// Return the tiles of level 0 among those under these cores that the base map does not give again.
    public func differingBaseTiles(under cores: [Core]) throws -> [Tile] {
        var tiles: Set<Tile> = []
        for core in cores {
            let shift = Int64(2 * core.level)
            let rect = mosaic.canvas.geometry.coreRect(core)
            let (x, y) = (rect.x >> shift, rect.y >> shift)
            guard
                let base = mosaic.canvas.normalized(
                    Core(
                        level: 0, column: x.floorDivided(by: mosaic.canvas.geometry.core),
                        row: y.floorDivided(by: mosaic.canvas.geometry.core)))
            else { continue }
            tiles.insert(mosaic.canvas.tile(of: base))
        }
        return try tiles.sorted { ($0.y, $0.x) < ($1.y, $1.x) }.filter { tile in
            let fresh = try sources.base.meets(tile) ? sources.base.tile(tile) : RGBATile()
            return try mosaic.basePixels(tile) ?? RGBATile() != fresh
        }
    }
}
