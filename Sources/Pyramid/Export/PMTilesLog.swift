internal import Foundation

/// The data section of a PMTiles archive in the making, and a log of the tiles in it.
///
/// A record of the log is written only after the data it speaks of are on disk, so what it says can be trusted after a
/// kill or a power cut. Records: tile, checksum, offset (8 bytes each), length (4), 4 unused.
final class PMTilesLog {
    private struct Record {
        static let size = 32
        var identifier: UInt64
        var checksum: UInt64
        var offset: UInt64
        var length: UInt32
    }

    private let dataPath: String
    private let logPath: String
    private let data: FileHandle
    private let log: FileHandle
    /// Records on disk that are still to be looked at, or hold.
    private var known: Int
    private var position = 0
    private var window: [Record] = []
    private var windowStart = 0
    private var pending: [Record] = []
    private var buffer: [UInt8] = []
    /// Small pictures by checksum, for repetitions that are not neighbours; bounded.
    private var small: [UInt64: (offset: UInt64, length: UInt32)] = [:]
    private var last: Record?
    /// Bytes of tile data.
    private(set) var dataSize: UInt64 = 0
    /// Different pictures.
    private(set) var contents: UInt64 = 0

    private static let front = UInt64(16_384)
    private static let smallLimit = 1 << 16

    init(data dataPath: String, log logPath: String) throws {
        self.dataPath = dataPath
        self.logPath = logPath
        data = try Self.open(dataPath)
        log = try Self.open(logPath)
        known = Int(try log.seekToEnd()) / Record.size
        if try data.seekToEnd() < Self.front {
            try data.truncate(atOffset: 0)
            try data.write(contentsOf: Data(count: Int(Self.front)))
            known = 0
        }
    }

    private static func open(_ path: String) throws -> FileHandle {
        let descriptor = Foundation.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw MosaicError.from(errno: errno, path: path) }
        return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    // MARK: - Going on

    /// Return a tile's size where the next record of an earlier run is that tile with that checksum; otherwise forget
    /// that record and all after it.
    func holds(_ identifier: UInt64, _ checksum: UInt64) throws -> Int? {
        guard position < known else { return nil }
        let record = try record(position)
        guard let record, record.identifier == identifier, record.checksum == checksum,
            try record.offset + UInt64(record.length) + Self.front <= data.seekToEnd()
        else {
            try forgetRest()
            return nil
        }
        position += 1
        note(record)
        return Int(record.length)
    }

    /// Forget the records from `position` on, and the data that only they speak of.
    private func forgetRest() throws {
        known = position
        window = []
        try run {
            try log.truncate(atOffset: UInt64(known * Record.size))
            try data.truncate(atOffset: Self.front + dataSize)
        }
    }

    private func note(_ record: Record) {
        if record.offset + UInt64(record.length) > dataSize {
            dataSize = record.offset + UInt64(record.length)
            contents += 1
        }
        if record.length <= 4096, small.count < Self.smallLimit {
            small[record.checksum] = (record.offset, record.length)
        }
        last = record
    }

    func append(_ identifier: UInt64, _ checksum: UInt64, _ bytes: [UInt8]) throws {
        if known > position || position == 0 && pending.isEmpty {
            try forgetRest()
        }
        var record = Record(
            identifier: identifier, checksum: checksum, offset: dataSize, length: UInt32(bytes.count))
        if let last, last.checksum == checksum, last.length == record.length {
            record.offset = last.offset
        } else if let found = small[checksum], found.length == record.length {
            record.offset = found.offset
        } else {
            buffer += bytes
        }
        note(record)
        pending.append(record)
        if buffer.count > 32 << 20 || pending.count > 1 << 16 { try save() }
    }

    /// Bring everything to the disk, first the data, then the records.
    func save() throws {
        guard !pending.isEmpty else { return }
        try run {
            try data.seek(toOffset: Self.front + dataSize - UInt64(buffer.count))
            try data.write(contentsOf: buffer)
            try data.synchronize()
            var bytes = Data(capacity: pending.count * Record.size)
            for record in pending {
                for value in [record.identifier, record.checksum, record.offset, UInt64(record.length)] {
                    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
                }
            }
            try log.seek(toOffset: UInt64(known * Record.size))
            try log.write(contentsOf: bytes)
        }
        known += pending.count
        position = known
        window = []
        pending = []
        buffer = []
    }

    // MARK: - The end of the file

    /// Call `body` with the entries of the directories, in order.
    func forEachRun(_ body: (PMTiles.Entry) throws -> Void) throws {
        var open: PMTiles.Entry?
        for index in 0..<position {
            guard let record = try record(index) else {
                throw MosaicError.damaged(file: logPath, reason: "it is cut short")
            }
            if let entry = open, entry.offset == record.offset, entry.length == record.length,
                entry.identifier + UInt64(entry.run) == record.identifier
            {
                open?.run += 1
                continue
            }
            if let open { try body(open) }
            open = .init(identifier: record.identifier, offset: record.offset, length: record.length, run: 1)
        }
        if let open { try body(open) }
    }

    func truncateToData() throws { try run { try data.truncate(atOffset: Self.front + dataSize) } }

    /// Append bytes behind the data, and return where they begin.
    func add(_ bytes: [UInt8]) throws -> UInt64 {
        try run {
            let offset = try data.seekToEnd()
            try data.write(contentsOf: bytes)
            return offset
        }
    }

    func writeFront(_ bytes: [UInt8]) throws {
        try run {
            try data.seek(toOffset: 0)
            try data.write(contentsOf: bytes)
        }
    }

    func close() throws {
        try run {
            try data.synchronize()
            try data.close()
            try log.close()
        }
    }

    func remove() { unlink(logPath) }

    private func record(_ index: Int) throws -> Record? {
        if index < windowStart || index >= windowStart + window.count {
            let count = min(4096, known - index)
            try log.seek(toOffset: UInt64(index * Record.size))
            let bytes = try log.read(upToCount: count * Record.size) ?? Data()
            window = stride(from: 0, to: bytes.count / Record.size * Record.size, by: Record.size).map { start in
                func number(_ at: Int) -> UInt64 {
                    (0..<8).reduce(0) { $0 | UInt64(bytes[bytes.startIndex + start + at + $1]) << UInt64(8 * $1) }
                }
                return Record(
                    identifier: number(0), checksum: number(8), offset: number(16),
                    length: UInt32(truncatingIfNeeded: number(24)))
            }
            windowStart = index
        }
        return index - windowStart < window.count ? window[index - windowStart] : nil
    }

    private func run<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch {
            throw MosaicError.from(writing: dataPath, error)
        }
    }
}
