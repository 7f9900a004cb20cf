import Foundation
import Worker

/// A worker's log on standard error, a line an event.
struct WorkerLog: Sendable {
    let isVerbose: Bool

    func note(_ event: WorkerEvent) {
        switch event {
        case .batch, .connecting: guard isVerbose else { return }
        case .registered, .job, .fetching, .fetched, .failed, .disconnected, .draining: break
        }
        let time = Date().formatted(.iso8601)
        FileHandle.standardError.write(Data("\(time) \(event)\n".utf8))
    }
}
