import Canvas
import Coordinator
import Foundation
import Monitor
import Scheduling
import Synchronization

/// A coordinator that is nothing but its state: it notes what it is asked to do.
final class FakeSource: MonitorSource {
    struct State {
        var status: Status
        var mosaics: [String]
        var tiles: [String: MonitorTile] = [:]
        var submitted: [JobRequest] = []
        var calls: [String] = []
        var keys: [WorkerKey] = []
    }

    let state: Mutex<State>

    init(_ json: String = FakeSource.standard, mosaics: [String] = [""]) throws {
        let status = try APICoding.decoder().decode(Status.self, from: Data(json.utf8))
        state = Mutex(State(status: status, mosaics: mosaics))
    }

    func edit<Value: Sendable>(_ body: (inout State) -> Value) -> Value { state.withLock { body(&$0) } }

    func status() -> Status { edit { $0.status } }
    func mosaics() -> [String] { edit { $0.mosaics } }

    func tile(mosaic: String, _ tile: Tile) throws -> MonitorTile? {
        edit { $0.tiles["\(mosaic) \(tile)"] }
    }

    func submit(_ request: JobRequest) throws -> JobID {
        guard request.base != "/missing.tif" else { throw CanvasError.region("base map /missing.tif: no such file") }
        return edit {
            $0.submitted.append(request)
            return "job-\($0.submitted.count)"
        }
    }

    func pause(_ id: JobID) throws { edit { $0.calls.append("pause \(id)") } }
    func resume(_ id: JobID) throws { throw MonitorError.refused("job \"\(id)\" is not paused") }
    func cancel(_ id: JobID) throws { edit { $0.calls.append("cancel \(id)") } }
    func retry(_ id: JobID) throws { edit { $0.calls.append("retry \(id)") } }
    func prefer(_ region: Region?, of id: JobID) throws {
        if case .box(_, let south, _, _)? = region, south < 0 { throw CanvasError.region("nothing there") }
        edit { $0.calls.append("prefer \(id) \(region.map { "\($0)" } ?? "nothing")") }
    }
    func setPriority(_ priority: Int, of id: JobID) throws { edit { $0.calls.append("priority \(id) \(priority)") } }
    func dump() throws -> StateDump {
        var status = status()
        status.jobs[0].request.base = "/vsicurl/https://me:sesame@example.org/map.tif?token=open"
        return StateDump(
            taken: status.started, status: status, scheduler: Scheduler(epoch: 3).dump(at: .zero), unsent: [:])
    }
    func drain(worker: UInt64, now: Bool, reason: String) throws {
        edit { $0.calls.append("drain \(worker) \(now) \(reason)") }
    }

    func allowedKeys() -> [WorkerKey] { edit { $0.keys } }
    func allow(_ key: WorkerKey) throws { edit { $0.keys.append(key) } }

    func revoke(key: String) throws {
        let was = edit { state in
            defer { state.keys.removeAll { $0.key == key } }
            return state.keys.contains { $0.key == key }
        }
        if !was { throw MonitorError.notFound("the key \(key) is not allowed anyway") }
    }

    static let standard = """
        {"softwareVersion": "0.1.0", "endpoint": "tcp://127.0.0.1:5555", "started": "2026-11-21T01:02:03Z",
         "jobs": [{
            "id": "alps", "mosaic": "",
            "request": {"base": "/data/map.tif", "levels": 2, "seed": 7, "noise": "canvas", "exact": false,
                "priority": 0, "geometry": {"core": 128, "margin": 64}},
            "progress": {"phase": "running", "inFlight": 4, "levels": [
                {"level": 1, "planned": 40, "done": 32, "failed": 0},
                {"level": 2, "planned": 480, "done": 121, "failed": 1}]},
            "rate": 2.5, "secondsLeft": 146.5, "error": null,
            "failures": [{"window": "2/1071/714", "reason": "not a number in the output"}],
            "zooms": [5, 9], "bounds": [6.5, 45.5, 7.5, 46.2], "pixels": [67840, 46592, 1024, 768]}],
         "workers": [{
            "id": 1, "name": "worker-1", "host": "node", "pid": 4711, "device": "cpu",
            "profile": "blas/SkylakeX-0.3.21", "batch": 2, "leased": 4, "windowsDone": 77, "secondsPerWindow": 0.8,
            "residentBytes": 412000000, "secondsSinceHeard": 0.3, "isDraining": false, "lastError": null}]}
        """
}
