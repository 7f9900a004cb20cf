import Foundation
import Synchronization
import Wire

/// The latest status, written by the socket thread and read by any.
final class StatusBoard: Sendable {
    private let status = Mutex(
        Status(softwareVersion: Version.current, endpoint: "", started: Date(), jobs: [], workers: []))

    func set(_ new: Status) { status.withLock { $0 = new } }

    func get() -> Status { status.withLock { $0 } }
}
