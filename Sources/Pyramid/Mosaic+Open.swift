internal import Canvas
internal import Foundation

extension Mosaic {
    static func readDescription(_ directory: URL) throws -> MosaicDescription? {
        let url = directory.appendingPathComponent("mosaic.json")
        guard FileManager.default.fileExists(atPath: url.path) else { return nil }
        struct Version: Decodable { var format: Int }
        do {
            let data = try Data(contentsOf: url)
            let format = try JSONDecoder().decode(Version.self, from: data).format
            guard format == MosaicDescription.currentFormat else {
                throw MosaicError.notAMosaic(
                    directory: directory.path,
                    reason: "its format is \(format), this program reads \(MosaicDescription.currentFormat)")
            }
            let description = try JSONDecoder().decode(MosaicDescription.self, from: data)
            guard description.levels >= 0, description.canvas.baseZoom >= 0, description.levels <= 15,
                description.canvas.zoom(level: description.levels) <= Canvas.maximumZoom
            else {
                throw MosaicError.notAMosaic(directory: directory.path, reason: "mosaic.json names an impossible zoom")
            }
            return description
        } catch let error as MosaicError {
            throw error
        } catch {
            throw MosaicError.notAMosaic(directory: directory.path, reason: "mosaic.json cannot be read: \(error)")
        }
    }

    static func write(_ description: MosaicDescription, to directory: URL) throws {
        let url = directory.appendingPathComponent("mosaic.json")
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            try encoder.encode(description).write(to: url, options: .atomic)
        } catch {
            throw MosaicError.from(writing: url.path, error)
        }
    }

    /// Read which cores are done; a file that cannot be read is set aside.
    static func scan(
        _ store: CellStore, _ description: MosaicDescription
    ) throws -> ([[Cell: DoneBits]], [DamagedFile]) {
        var done = [[Cell: DoneBits]](repeating: [:], count: description.levels + 1)
        var damaged: [DamagedFile] = []
        let notes = store.takeNotes()
        for level in 0...description.levels {
            let folder = store.url(.above(level: level)).deletingLastPathComponent()
            let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
            for name in names.sorted() {
                guard let key = key(name, level: level, description.canvas) else { continue }
                let path = store.url(key).path
                do {
                    store.register(key)
                    guard try size(path) > 0, let file = try store.file(key) else {
                        throw MosaicError.damaged(file: path, reason: "it is empty")
                    }
                    if store.isWritable, !store.isNoted(key, in: notes) { try file.check() }
                    if case .cell(_, let cell) = key { done[level][cell] = try doneBits(store, key, description) }
                } catch MosaicError.damaged(_, let reason) {
                    if store.isWritable { try store.salvage(key) } else { store.forget(key) }
                    damaged.append(DamagedFile(path: path, reason: reason))
                    if case .cell(_, let cell) = key, store.exists(key) {
                        done[level][cell] = try doneBits(store, key, description)
                    }
                }
            }
        }
        return (done, damaged)
    }

    /// Read which cores of a file are done.
    static func doneBits(_ store: CellStore, _ key: CellStore.Key, _ description: MosaicDescription) throws -> DoneBits
    {
        var bits = DoneBits(geometry: description.canvas.geometry)
        guard case .cell(let level, let cell) = key else { return bits }
        let zoom = description.canvas.zoom(level: level)
        try store.file(key)?.forEachProgress { row in
            if row.tile.zoom == zoom, cell.contains(row.tile) { bits[row.tile] = row.done }
        }
        return bits
    }

    private static func size(_ path: String) throws -> Int {
        (try? FileManager.default.attributesOfItem(atPath: path))?[.size] as? Int ?? 0
    }

    private static func key(_ name: String, level: Int, _ canvas: Canvas) -> CellStore.Key? {
        if name == "overviews.mbtiles" { return .above(level: level) }
        guard name.hasPrefix("cell_"), name.hasSuffix(".mbtiles") else { return nil }
        let parts = name.dropFirst(5).dropLast(8).split(separator: "_").map { Int64($0) }
        guard parts.count == 3, let zoom = parts[0], let column = parts[1], let row = parts[2],
            zoom == Int64(canvas.zoom(level: level)), abs(column) < 1 << 32, abs(row) < 1 << 32
        else { return nil }
        return .cell(level: level, Cell(zoom: Int(zoom), column: column, row: row))
    }
}

extension CellStore {
    /// Forget a damaged file, and rename it; returns its new path.
    func setAside(_ key: Key) throws -> String? {
        forget(key)
        var moved: String?
        for suffix in ["-journal", ""] {
            let path = url(key).path + suffix
            guard FileManager.default.fileExists(atPath: path) else { continue }
            var target = path + ".damaged"
            var count = 1
            while FileManager.default.fileExists(atPath: target) {
                count += 1
                target = path + ".damaged\(count)"
            }
            do {
                try FileManager.default.moveItem(atPath: path, toPath: target)
            } catch {
                throw MosaicError.from(writing: path, error)
            }
            moved = target
        }
        return moved
    }
}
