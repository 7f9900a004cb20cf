internal import Canvas
public import Foundation
internal import Raster

/// Writes a mosaic as one PMTiles 3 archive: tiles along the Hilbert curve, runs and repetitions of equal tiles once,
/// leaf directories where the root would pass 16 KiB.
///
/// Tile data are written as they come, to OUT.tmp, with a log beside it of what is safely on disk; interrupted, the
/// export goes on after the last entry that still holds. Directories and metadata follow the data. Memory is bounded.
public struct PMTilesExporter: Sendable {
    private let mosaic: Mosaic
    private let rootLimit: Int
    private let leafSize: Int

    public init(_ mosaic: Mosaic) { self.init(mosaic, rootLimit: PMTiles.rootLimit, leafSize: 4096) }

    /// With smaller limits, small archives have leaves, for tests.
    init(_ mosaic: Mosaic, rootLimit: Int, leafSize: Int) {
        self.mosaic = mosaic
        self.rootLimit = rootLimit
        self.leafSize = leafSize
    }

    /// Export.
    ///
    /// - Throws: `MosaicError.diskFull`, `.readOnly`, `.io`, `.damaged`, `.invalid` where a picture lies outside of the
    ///   grid; `CancellationError` where `progress` stops it.
    @discardableResult
    public func export(to file: URL, progress: ExportProgress = { _, _ in true }) throws -> ExportReport {
        let target = try ExportTarget(file)
        let source = try TileSource(mosaic, scratch: target.scratch) { progress(0, 0) }
        let log = try PMTilesLog(data: target.temporary.path, log: target.temporary.path + ".log")
        var report = ExportReport()
        for zoom in 0...mosaic.finestZoom {
            try source.forEach(zoom: zoom) { tile, checksum, data in
                try mosaic.requireInGrid(tile, format: "PMTiles")
                let identifier = PMTiles.identifier(tile)
                if let size = try log.holds(identifier, checksum) {
                    report.kept += 1
                    report.bytes += size
                } else {
                    let data = try data()
                    try log.append(identifier, checksum, data)
                    report.written += 1
                    report.bytes += data.count
                }
                guard progress(report.written + report.kept, source.count) else {
                    try log.save()
                    throw CancellationError()
                }
            }
        }
        try log.save()
        try finish(log, source, name: file.deletingPathExtension().lastPathComponent)
        try log.close()
        try target.publish()
        log.remove()
        return report
    }

    private func finish(_ log: PMTilesLog, _ source: TileSource, name: String) throws {
        let provenance = Provenance(mosaic.description)
        let extent = MosaicExtent(mosaic.canvas, zoom: mosaic.finestZoom, areas: source.areas)
        var header = PMTiles.Header()
        header.zooms = 0...mosaic.finestZoom
        header.bounds = extent.bounds
        header.data = (UInt64(PMTiles.rootLimit), log.dataSize)
        var root: [UInt8] = []
        var size = leafSize
        // Leaves are made larger until the root, which points at them, has its place.
        repeat {
            try log.truncateToData()
            (root, header.leaves, header.entries, header.addressed) = try directories(log, leafSize: size)
            size *= 2
        } while PMTiles.headerSize + root.count > rootLimit
        header.root = (UInt64(PMTiles.headerSize), UInt64(root.count))
        header.contents = log.contents
        var metadata: [String: Any] = [
            "name": name, "description": provenance.note, "type": "overlay", "version": "1",
            "tessera": provenance.entries,
        ]
        metadata["attribution"] = provenance.attribution
        let json = try JSONSerialization.data(
            withJSONObject: metadata, options: [.sortedKeys, .withoutEscapingSlashes])
        let packed = try Gzip.compress([UInt8](json))
        header.metadata = (try log.add(packed), UInt64(packed.count))
        try log.writeFront(header.bytes + root)
    }

    /// Write the leaves behind the data; with few entries the root holds them all.
    private func directories(
        _ log: PMTilesLog, leafSize: Int
    ) throws -> (root: [UInt8], leaves: (UInt64, UInt64), entries: UInt64, addressed: UInt64) {
        var root: [PMTiles.Entry] = []
        var leaf: [PMTiles.Entry] = []
        var entries: UInt64 = 0
        var addressed: UInt64 = 0
        let start = UInt64(PMTiles.rootLimit) + log.dataSize
        var length: UInt64 = 0
        func flush() throws {
            guard let first = leaf.first else { return }
            let bytes = try PMTiles.directory(leaf)
            root.append(.init(identifier: first.identifier, offset: length, length: UInt32(bytes.count), run: 0))
            _ = try log.add(bytes)
            length += UInt64(bytes.count)
            leaf = []
        }
        try log.forEachRun { run in
            if leaf.count == leafSize { try flush() }
            leaf.append(run)
            entries += 1
            addressed += UInt64(run.run)
        }
        if root.isEmpty {
            let bytes = try PMTiles.directory(leaf)
            if PMTiles.headerSize + bytes.count <= rootLimit { return (bytes, (start, 0), entries, addressed) }
        }
        try flush()
        return (try PMTiles.directory(root), (start, length), entries, addressed)
    }
}
