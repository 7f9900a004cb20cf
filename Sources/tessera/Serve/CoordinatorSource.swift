import Canvas
import Coordinator
import Monitor
import Pyramid
import Scheduling
import Wire

/// The coordinator as the monitor sees it.
struct CoordinatorSource: MonitorSource {
    private let coordinator: Coordinator

    init(_ coordinator: Coordinator) { self.coordinator = coordinator }

    func status() -> Status { coordinator.status() }
    func mosaics() -> [String] { coordinator.mosaics() }

    func tile(mosaic: String, _ tile: Tile) throws -> MonitorTile? {
        try coordinator.tile(mosaic: mosaic, tile).map {
            MonitorTile(png: [UInt8]($0.png), isFinal: $0.isFinal, checksum: $0.tag)
        }
    }

    func submit(_ request: JobRequest) throws -> JobID { try coordinator.submit(request) }
    func pause(_ id: JobID) throws { try translated { try coordinator.pause(id) } }
    func resume(_ id: JobID) throws { try translated { try coordinator.resume(id) } }
    func cancel(_ id: JobID) throws { try translated { try coordinator.cancel(id) } }
    func retry(_ id: JobID) throws { try translated { try coordinator.retry(id) } }
    func prefer(_ region: Region?, of id: JobID) throws { try translated { try coordinator.prefer(region, of: id) } }
    func setPriority(_ priority: Int, of id: JobID) throws {
        try translated { try coordinator.setPriority(priority, of: id) }
    }
    func dump() throws -> StateDump { try coordinator.dump() }

    func drain(worker: UInt64, now: Bool, reason: String) throws {
        try translated { try coordinator.drain(worker: worker, now: now, reason: reason) }
    }

    func allowedKeys() -> [WorkerKey] {
        coordinator.allowedWorkers.map { WorkerKey(key: $0.key, name: $0.name) }
    }

    func allow(_ key: WorkerKey) throws { try translated { try coordinator.allow(key: key.key, name: key.name) } }

    func revoke(key: String) throws {
        try translated {
            guard try coordinator.revoke(key: key) else {
                throw MonitorError.notFound("the key \(key) is not allowed anyway")
            }
        }
    }

    private func translated(_ body: () throws -> Void) throws {
        do {
            try body()
        } catch let error as CoordinatorError {
            switch error.code {
            case .unknownJob, .unknownWorker: throw MonitorError.notFound(error.description)
            default: throw MonitorError.refused(error.description)
            }
        } catch let error as KeyError {
            throw MonitorError.refused(error.description)
        }
    }
}
