import Glibc

/// A worker's log: both its output streams, appended to over all its starts.
struct LogFile {
    let path: String

    /// Open for appending, and create where it is missing; returns the descriptor and the present length.
    func open() throws -> (descriptor: Int32, length: Int64) {
        let descriptor = Glibc.open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw FleetError.cannotStart(what: "log \(path)", reason: String(cString: strerror(errno)))
        }
        return (descriptor, Int64(lseek(descriptor, 0, SEEK_END)))
    }

    /// Return the last lines written at or after an offset, at most `limit` lines and 4096 bytes.
    func tail(from offset: Int64, lines limit: Int) -> String {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        let end = Int64(lseek(descriptor, 0, SEEK_END))
        let start = max(offset, end - 4096)
        guard start < end else { return "" }
        var bytes = [UInt8](repeating: 0, count: Int(end - start))
        let count = pread(descriptor, &bytes, bytes.count, off_t(start))
        guard count > 0 else { return "" }
        let text = String(decoding: bytes.prefix(count), as: UTF8.self)
        return text.split(separator: "\n").suffix(limit).joined(separator: "\n")
    }
}
