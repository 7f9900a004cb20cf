import Foundation
import Synchronization
import Wire

/// The latest status, written by the socket thread and read by any.
final class StatusBoard: Sendable {
    private let status = Mutex(
        Status(softwareVersion: Version.current, endpoint: "", started: Date(), jobs: [], workers: []))
    private let ending = Mutex<String?>(nil)

    /// Why the socket thread ended by itself.
    var failure: String? { ending.withLock { $0 } }

    func set(_ new: Status) { status.withLock { $0 = new } }

    func get() -> Status { status.withLock { $0 } }

    func fail(_ reason: String) { ending.withLock { $0 = reason } }
}
