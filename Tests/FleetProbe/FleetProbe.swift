import Fleet
import Foundation

/// Starts two children that hold a FIFO open, and waits to be killed: the tests see whether the children die too.
@main
enum FleetProbe {
    static func main() throws {
        let fifo = CommandLine.arguments[1]
        let logs = URL(fileURLWithPath: CommandLine.arguments[2])
        let fleet = try LocalFleet(
            .init(
                executable: "/bin/sh", arguments: { _ in ["-c", "exec 3>'\(fifo)'; exec sleep 1000"] }, count: 2,
                logDirectory: logs))
        fleet.wait { _ in false }
    }
}
