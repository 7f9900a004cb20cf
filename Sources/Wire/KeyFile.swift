public import Foundation

/// Keys in files: `NAME.secret` for its owner alone, `NAME.public` to be handed on.
///
/// Lines of text: `public KEY`, `secret KEY`, and comments after `#`.
public enum KeyFile {
    /// Write both files of a pair.
    ///
    /// - Throws: `KeyError` where one of them exists, or the folder cannot be written.
    public static func write(_ pair: CurveKeyPair, name: String, to directory: URL) throws -> (secret: URL, public: URL)
    {
        do {
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        } catch {
            throw KeyError("the folder \(directory.path) cannot be made: \(error.localizedDescription)")
        }
        let secret = directory.appending(path: name + ".secret")
        let open = directory.appending(path: name + ".public")
        guard !FileManager.default.fileExists(atPath: open.path) else { throw exists(open) }
        try create(
            secret, mode: 0o600,
            """
            # Secret key of \(name.legible(limit: 200)) for Tessera. It stays on this machine, readable by its owner alone.
            public \(pair.publicKey)
            secret \(pair.secret)

            """)
        try create(
            open, mode: 0o644,
            """
            # Public key of \(name.legible(limit: 200)) for Tessera. Hand it to whom it is to speak with.
            public \(pair.publicKey)

            """)
        return (secret, open)
    }

    /// Read a pair from its secret file.
    ///
    /// - Throws: `KeyError` where the file can be read by others, is not there, or holds no secret key that fits.
    public static func readSecret(_ url: URL) throws -> CurveKeyPair {
        let lines = try lines(of: readPrivate(url), url)
        guard let text = lines["secret"] else {
            throw KeyError(
                "\(url.path) holds no secret key"
                    + (lines["public"] == nil ? "" : ": it is the public half; give the file NAME.secret"))
        }
        let pair = try CurveKeyPair(secret: key(text, in: url))
        guard let open = lines["public"], try key(open, in: url) != pair.publicKey else { return pair }
        throw KeyError("\(url.path): the public key is not that of the secret one; make new keys with `tessera keygen`")
    }

    /// Return a public key from its text, or from a file that holds it.
    public static func readPublic(_ keyOrPath: String) throws -> CurveKey {
        if let key = try? CurveKey(keyOrPath) { return key }
        let url = URL(filePath: keyOrPath)
        guard FileManager.default.fileExists(atPath: url.path) else {
            throw KeyError("\(keyOrPath.legible(limit: 200)) is neither a key (40 characters of Z85) nor a file")
        }
        guard let text = try lines(of: read(url), url)["public"] else {
            throw KeyError("\(url.path) holds no line `public KEY`")
        }
        return try key(text, in: url)
    }

    /// Read a text that its owner alone may read.
    ///
    /// - Throws: `KeyError` where others can read or write the file.
    public static func readPrivate(_ url: URL) throws -> String {
        var info = stat()
        guard stat(url.path, &info) == 0 else {
            throw KeyError("\(url.path) cannot be read: \(String(cString: strerror(errno)))")
        }
        guard info.st_mode & 0o077 == 0 else {
            throw KeyError(
                "\(url.path) can be read or written by others (mode \(String(info.st_mode & 0o777, radix: 8))); "
                    + "a secret is its owner's alone: chmod 600 '\(url.path)', and make a new one if it was seen")
        }
        return try read(url)
    }

    /// Create a file with a mode, never one that exists, and see it on the disk.
    public static func create(_ url: URL, mode: UInt32, _ text: String) throws {
        let descriptor = open(url.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else {
            throw errno == EEXIST ? exists(url) : KeyError("\(url.path): \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        guard Foundation.write(descriptor, bytes, bytes.count) == bytes.count, fsync(descriptor) == 0 else {
            unlink(url.path)
            throw KeyError("\(url.path) cannot be written: \(String(cString: strerror(errno)))")
        }
    }

    private static func exists(_ url: URL) -> KeyError {
        KeyError("\(url.path) exists: a key is never overwritten; choose another name, or move it away")
    }

    private static func read(_ url: URL) throws -> String {
        do {
            let file = try FileHandle(forReadingFrom: url)
            defer { try? file.close() }
            return String(decoding: try file.read(upToCount: 1 << 16) ?? Data(), as: UTF8.self)
        } catch {
            throw KeyError("\(url.path) cannot be read: \(error.localizedDescription)")
        }
    }

    private static func lines(of text: String, _ url: URL) throws -> [String: String] {
        var found: [String: String] = [:]
        for line in text.split(whereSeparator: \.isNewline) where !line.hasPrefix("#") {
            let words = line.split(separator: " ", omittingEmptySubsequences: true)
            guard words.count == 2 else {
                throw KeyError("\(url.path) is no key file: its lines are `public KEY` and `secret KEY`")
            }
            found[String(words[0])] = String(words[1])
        }
        return found
    }

    private static func key(_ text: String, in url: URL) throws -> CurveKey {
        do {
            return try CurveKey(text)
        } catch {
            throw KeyError("\(url.path): \(error)")
        }
    }
}
