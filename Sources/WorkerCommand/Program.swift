public import ArgumentParser
import Foundation

/// The frame of a command-line program: what is printed on errors, and the exit codes.
///
/// 0 done, 1 failed, 2 wrong usage, 3 interrupted and resumable.
public enum Program {
    /// Run the command that the arguments name, and exit.
    public static func run(_ root: any ParsableCommand.Type) -> Never {
        bufferStandardOutputByLines()
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try root.parseAsRoot()
            try command.run()
            exit(0)
        } catch {
            exit(report(error, of: root))
        }
    }

    /// Print an error as the user should see it, and return the exit code.
    static func report(_ error: any Error, of root: any ParsableCommand.Type) -> Int32 {
        if let code = error as? ExitCode { return code.rawValue }
        switch root.exitCode(for: error) {
        case .success:
            print(root.fullMessage(for: error))
            return 0
        case .validationFailure:
            complain(String(root.fullMessage(for: error).trimmingPrefix("Error: ")))
            return 2
        default:
            complain("\(error)")
            return 1
        }
    }

    /// Write a message to standard error, after the program's name.
    public static func complain(_ message: String) {
        FileHandle.standardError.write(Data("tessera: \(message)\n".utf8))
    }
}
