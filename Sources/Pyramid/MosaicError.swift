public import Canvas
internal import Foundation
internal import GRDB

/// A mosaic directory that cannot be used as asked.
public enum MosaicError: Error, Hashable, CustomStringConvertible {
    /// The directory holds a mosaic made differently.
    case mismatch(directory: String, key: String, stored: String, given: String)
    /// Another process writes the directory.
    case locked(directory: String, owner: String)
    case notAMosaic(directory: String, reason: String)
    /// The same core came with other pixels than before: the promise that pixels are a pure function is broken.
    case promiseBroken(Core, file: String)
    case damaged(file: String, reason: String)
    case diskFull(path: String)
    case readOnly(path: String)
    case io(path: String, reason: String)
    /// The caller's data do not fit the canvas.
    case invalid(String)

    public var description: String {
        switch self {
        case .mismatch(let directory, let key, let stored, let given):
            "\(directory) holds a mosaic with \(key) \(stored), this job has \(key) \(given): "
                + "give what it was made with to resume or extend it, or another output directory"
        case .locked(let directory, let owner):
            "\(directory) is being written by \(owner): wait for it, stop it, or give another output directory"
        case .notAMosaic(let directory, let reason): "\(directory) is not a mosaic: \(reason)"
        case .promiseBroken(let core, let file):
            "core \(core) was rendered again with other pixels than \(file) holds: a worker computes differently "
                + "(another model, engine or instruction set); find it before going on, nothing was overwritten"
        case .damaged(let file, let reason):
            "\(file) is damaged (\(reason)): resume, and what is lost is rendered again while the rest is kept"
        case .diskFull(let path):
            "no space left for \(path): free some and resume, everything stored so far is kept"
        case .readOnly(let path): "\(path) cannot be written: check its permissions or give another output directory"
        case .io(let path, let reason): "\(path): \(reason)"
        case .invalid(let what): what
        }
    }

    /// Return what went wrong in terms of files.
    static func from(_ error: any Error, path: String) -> any Error {
        guard let error = error as? DatabaseError else { return error }
        switch error.resultCode {
        case .SQLITE_FULL: return MosaicError.diskFull(path: path)
        case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH: return MosaicError.readOnly(path: path)
        case .SQLITE_CANTOPEN:
            let folder = (path as NSString).deletingLastPathComponent
            if !FileManager.default.isWritableFile(atPath: folder) { return MosaicError.readOnly(path: path) }
        case .SQLITE_CORRUPT, .SQLITE_NOTADB:
            return MosaicError.damaged(file: path, reason: error.message ?? "SQLite cannot read it")
        default: break
        }
        return MosaicError.io(path: path, reason: error.message ?? "\(error.resultCode)")
    }

    /// Return what went wrong writing a file, from `errno` or Foundation.
    static func from(writing path: String, _ error: any Error) -> MosaicError {
        if let known = error as? MosaicError { return known }
        let bottom = ((error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError) ?? (error as NSError)
        if bottom.domain == NSPOSIXErrorDomain {
            return from(errno: Int32(bottom.code), path: path)
        }
        return .io(path: path, reason: (error as NSError).localizedDescription)
    }

    static func from(errno code: Int32, path: String) -> MosaicError {
        switch code {
        case ENOSPC, EDQUOT: .diskFull(path: path)
        case EACCES, EROFS, EPERM: .readOnly(path: path)
        default: .io(path: path, reason: String(cString: strerror(code)))
        }
    }
}
