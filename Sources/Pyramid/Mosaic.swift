public import Canvas
public import Foundation
public import Raster

/// A directory of tiles: every level of a cascade, with the progress of rendering it.
///
/// One writer a directory, on any thread but one call at a time (calls wait for each other); any number of readers.
/// What a call has stored survives a kill at any later moment; what it has not, is not there at all.
///
/// `@unchecked Sendable`: mutable state is guarded by `stateLock`, and writes by `writeLock`.
public final class Mosaic: @unchecked Sendable {
    /// A file that is damaged; its lost cores count as not done.
    public struct DamagedFile: Hashable, Sendable {
        public var path: String
        public var reason: String
    }

    public let directory: URL
    public let description: MosaicDescription
    public let isWritable: Bool
    /// Files found damaged when the mosaic was opened; where it is writable, renamed to `.damaged`, and what is intact in
    /// them kept.
    public let damaged: [DamagedFile]

    public var canvas: Canvas { description.canvas }
    /// The finest level.
    public var levels: Int { description.levels }

    let store: CellStore
    let cache: TileCache
    let writeLock = NSLock()
    /// The numeric profiles that `mosaic.json` lists for certain.
    var knownProfiles: Set<String> = []
    private let stateLock = NSLock()
    private var done: [[Cell: DoneBits]]
    private var overviewStates: [Int: OverviewState] = [:]
    private let lock: DirectoryLock?

    /// How much time PNG encoding takes; the pixels are the same.
    let effort: PNG.Effort
    /// The job's digest, in every tile.
    let tileText: PNG.Text

    /// Create a mosaic, or open one to go on with it.
    ///
    /// - Parameters:
    ///   - cachedTiles: The most decoded tiles to keep in memory, 256 KiB each.
    /// - Throws: `MosaicError`: `.mismatch` where the directory was made with another canvas, number of levels or
    ///   identity; `.locked` where another process writes it; `.notAMosaic`, `.readOnly`, `.diskFull`, `.io`.
    public init(
        directory: URL, job: MosaicDescription, effort: PNG.Effort = .standard, cachedTiles: Int = 256
    ) throws {
        self.directory = directory
        self.effort = effort
        do {
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        } catch {
            throw MosaicError.from(writing: directory.path, error)
        }
        lock = try DirectoryLock(directory: directory)
        if let stored = try Self.readDescription(directory) {
            try stored.require(job, directory: directory.path)
            description = stored
        } else {
            try Self.write(job, to: directory)
            description = job
        }
        tileText = Self.tileText(description)
        isWritable = true
        cache = TileCache(capacity: cachedTiles)
        store = CellStore(
            directory: directory, canvas: description.canvas, isWritable: true, title: directory.lastPathComponent)
        (done, damaged) = try Self.scan(store, description)
    }

    /// Open a mosaic to read it, also while another process writes it, and from a directory that cannot be written.
    ///
    /// `doneCores` tells what was done when it was opened.
    /// - Throws: `MosaicError.notAMosaic` or `.io`.
    public init(reading directory: URL, cachedTiles: Int = 256) throws {
        self.directory = directory
        effort = .standard
        lock = nil
        guard let stored = try Self.readDescription(directory) else {
            throw MosaicError.notAMosaic(directory: directory.path, reason: "it holds no mosaic.json")
        }
        description = stored
        tileText = Self.tileText(stored)
        isWritable = false
        cache = TileCache(capacity: cachedTiles)
        store = CellStore(
            directory: directory, canvas: stored.canvas, isWritable: false, title: directory.lastPathComponent)
        (done, damaged) = try Self.scan(store, stored)
    }

    private static func tileText(_ description: MosaicDescription) -> PNG.Text {
        PNG.Text(keyword: "Job", value: description.digest)
    }

    /// Return the PNG of a tile; empty where it holds no data.
    func encode(_ tile: RGBATile) throws -> [UInt8] {
        tile.isEmpty ? [] : try tile.png(effort: effort, text: tileText)
    }

    // MARK: - Progress

    /// Return whether a core's pixels are stored.
    public func isDone(_ core: Core) -> Bool {
        guard (0...levels).contains(core.level), let core = canvas.normalized(core) else { return false }
        return doneBits(core.level, canvas.tile(of: core)) & canvas.geometry.bit(of: core) != 0
    }

    /// Return the cores of a level whose pixels are stored.
    ///
    /// - Complexity: O(cells of the level + cores of one row of cells).
    public func doneCores(level: Int) -> CoreSet {
        guard (0...levels).contains(level) else { return .empty }
        let cells = stateLock.withLock { done[level] }
        let perTile = canvas.geometry.coresPerTile
        let perCell = Cell.side * perTile
        guard let first = cells.keys.map(\.row).min(), let last = cells.keys.map(\.row).max() else { return .empty }
        var spans = [[Range<Int64>]](repeating: [], count: Int((last - first + 1) * perCell))
        for (cell, bits) in cells.sorted(by: { ($0.key.row, $0.key.column) < ($1.key.row, $1.key.column) }) {
            for row in 0..<perCell {
                let line = Int((cell.row - first) * perCell + row)
                for tileX in 0..<Cell.side {
                    let tile = Tile(
                        zoom: cell.zoom, x: cell.column * Cell.side + tileX, y: cell.row * Cell.side + row / perTile)
                    let mask = bits[tile] >> UInt64(row % perTile * perTile)
                    for column in 0..<perTile where mask >> UInt64(column) & 1 == 1 {
                        let x = tile.x * perTile + column
                        if let open = spans[line].last, open.upperBound == x {
                            spans[line][spans[line].count - 1] = open.lowerBound..<x + 1
                        } else {
                            spans[line].append(x..<x + 1)
                        }
                    }
                }
            }
        }
        return CoreSet(firstRow: first * perCell, spans: spans)
    }

    func doneBits(_ level: Int, _ tile: Tile) -> UInt64 {
        stateLock.withLock { done[level][Cell(containing: tile)]?[tile] ?? 0 }
    }

    func setDone(_ level: Int, _ changes: [CellFile.Change]) {
        stateLock.withLock {
            for change in changes {
                let cell = Cell(containing: change.tile)
                done[level][cell, default: DoneBits(geometry: canvas.geometry)][change.tile] = change.done
            }
        }
    }

    func replaceDone(_ level: Int, _ cell: Cell, _ bits: DoneBits) { stateLock.withLock { done[level][cell] = bits } }

    func overviews(level: Int) -> OverviewState? { stateLock.withLock { overviewStates[level] } }

    func setOverviews(_ state: OverviewState) { stateLock.withLock { overviewStates[state.level] = state } }

    // MARK: - Tiles

    /// Return the pixels stored for a tile of a level's zoom or of its overviews, or nil where there are none.
    func pixels(level: Int, _ tile: Tile) throws -> RGBATile? {
        let key = TileCache.Key(level: level, tile: tile)
        if let known = cache.find(key) { return known }
        let generation = cache.generation
        guard let file = try store.file(store.key(level: level, tile)) else { return nil }
        let pixels: RGBATile
        do {
            guard let found = try file.tile(tile) else { return nil }
            pixels = try RGBATile(png: found.data)
        } catch let error as MosaicError {
            if case .damaged(let path, _) = error { store.suspect(path) }
            throw error
        } catch {
            store.suspect(file.path)
            throw MosaicError.damaged(file: file.path, reason: "tile \(tile): \(error)")
        }
        cache.keep(pixels, for: key, generation: generation)
        return pixels
    }
}
