import Foundation

/// Finds the program that worker processes run.
enum WorkerProgram {
    /// The lean worker beside this executable, else this executable with `worker`.
    static func find() throws -> (path: String, arguments: [String]) {
        guard let own = Bundle.main.executableURL?.resolvingSymlinksInPath() else {
            throw CommandError("cannot find this program's own file, to start workers from")
        }
        let lean = own.deletingLastPathComponent().appending(path: "tessera-worker").path
        if FileManager.default.isExecutableFile(atPath: lean) { return (lean, []) }
        return (own.path, ["worker"])
    }
}

/// Quotes words so that a shell reads them back as they were.
enum Shell {
    static func command(_ words: [String]) -> String { words.map(quoted).joined(separator: " ") }

    private static func quoted(_ word: String) -> String {
        let plain =
            !word.isEmpty
            && word.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "_-./=:,+@%".contains($0)) }
        return plain ? word : "'" + word.replacingOccurrences(of: "'", with: "'\\''") + "'"
    }
}
