import Foundation
import Wire

/// The token that HTTP requests which change something must carry.
///
/// `serve` keeps it in a file that its owner alone may read, and notes it where this user's commands on this machine find
/// it by the coordinator's address.
struct AccessToken {
    let text: String
    /// The file it is kept in; nil where it was given in words.
    let file: URL?

    /// Read a token file, or make one.
    ///
    /// - Throws: `KeyError` where others can read it, or it holds nothing.
    init(file: URL) throws {
        if !FileManager.default.fileExists(atPath: file.path) {
            var random = SystemRandomNumberGenerator()
            let bytes = (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &random) }
            try KeyFile.create(file, mode: 0o600, bytes.map { String(format: "%02x", $0) }.joined() + "\n")
        }
        try self.init(reading: file)
    }

    init(reading file: URL) throws {
        text = try KeyFile.readPrivate(file).trimmingCharacters(in: .whitespacesAndNewlines)
        self.file = file
        guard text.count >= 8, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw KeyError("\(file.path) holds no token: 8 or more letters and digits on one line")
        }
    }

    init(text: String) {
        self.text = text
        file = nil
    }

    /// What follows on "this needs the server's token" where it is missing.
    var hint: String { file.map { ": it is in \($0.path) on the coordinator's machine" } ?? "" }

    // MARK: - This user's coordinators on this machine

    /// Where the tokens of running coordinators are noted.
    private static var notes: URL {
        let environment = ProcessInfo.processInfo.environment
        let root = environment["XDG_STATE_HOME"].flatMap { $0.hasPrefix("/") ? URL(filePath: $0) : nil }
        return (root ?? URL(filePath: NSHomeDirectory()).appending(path: ".local/state")).appending(
            path: "tessera/tokens")
    }

    private static func note(host: String, port: Int) -> URL {
        let name = ["localhost", "[::1]", "::1"].contains(host) ? "127.0.0.1" : host
        return notes.appending(path: "\(name.replacing("/", with: "_")):\(port)")
    }

    /// Note the token for commands that name no other; where that cannot be written, they have to be told.
    func remember(host: String, port: Int) {
        let note = Self.note(host: host, port: port)
        try? FileManager.default.createDirectory(
            at: Self.notes, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        try? FileManager.default.removeItem(at: note)
        try? KeyFile.create(note, mode: 0o600, text + "\n")
    }

    func forget(host: String, port: Int) {
        let note = Self.note(host: host, port: port)
        guard Self.noted(host: host, port: port) == text else { return }
        try? FileManager.default.removeItem(at: note)
    }

    static func noted(host: String, port: Int) -> String? {
        try? AccessToken(reading: note(host: host, port: port)).text
    }
}
