internal import Foundation

/// An exclusive lock on a directory, held while the object lives; the system drops it when the process dies.
final class DirectoryLock: Sendable {
    private let descriptor: Int32

    /// - Throws: `MosaicError.locked` naming who holds it.
    init(directory: URL) throws {
        let path = directory.appendingPathComponent("lock").path
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw MosaicError.from(errno: errno, path: path) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            close(descriptor)
            guard code == EWOULDBLOCK else { throw MosaicError.from(errno: code, path: path) }
            let owner =
                (try? String(contentsOfFile: path, encoding: .utf8))?
                .trimmingCharacters(in: .whitespacesAndNewlines) ?? ""
            throw MosaicError.locked(
                directory: directory.path, owner: owner.isEmpty ? "another process" : owner)
        }
        let text = "process \(ProcessInfo.processInfo.processIdentifier) on \(ProcessInfo.processInfo.hostName)\n"
        ftruncate(descriptor, 0)
        _ = text.withCString { pwrite(descriptor, $0, strlen($0), 0) }
    }

    deinit { close(descriptor) }
}
