import Canvas
import Coordinator
import Foundation
import Scheduling
import Testing
import Wire

@Suite struct SteeringTests {
    @Test func cancellingRevokesTheLeases() throws {
        let folder = Folder()
        let coordinator = try Coordinator(.init(directory: folder.url))
        defer { coordinator.shutdown() }
        let id = try coordinator.submit(CoordinatorTests.request())
        let worker = try ScriptedWorker(coordinator.endpoint)
        try worker.send(.hello(ScriptedWorker.hello()))
        try worker.send(.credit(Credit(windows: 1)))
        let lease = try worker.receive { if case .assign(let lease) = $0 { lease } else { nil } }
        try coordinator.cancel(id)
        let revocation = try worker.receive { if case .revoke(let revocation) = $0 { revocation } else { nil } }
        #expect(revocation == Revocation(lease: lease.lease, epoch: lease.epoch))
    }

    @Test func aSecondHelloOnAConnectionVoidsTheSession() throws {
        let folder = Folder()
        let coordinator = try Coordinator(.init(directory: folder.url))
        defer { coordinator.shutdown() }
        let worker = try ScriptedWorker(coordinator.endpoint)
        let hello = ScriptedWorker.hello()
        try worker.send(.hello(hello))
        try worker.send(.hello(hello))
        let refusal = try worker.receive { if case .refuse(let refusal) = $0 { refusal } else { nil } }
        #expect(refusal.code == .unknownSession)
    }

    @Test func theDumpTellsOfLeasesAndWorkers() throws {
        let folder = Folder()
        let coordinator = try Coordinator(.init(directory: folder.url))
        defer { coordinator.shutdown() }
        let id = try coordinator.submit(CoordinatorTests.request())
        let worker = try ScriptedWorker(coordinator.endpoint)
        try worker.send(.hello(ScriptedWorker.hello()))
        try worker.send(.credit(Credit(windows: 1)))
        let lease = try worker.receive { if case .assign(let lease) = $0 { lease } else { nil } }
        let dump = try coordinator.dump()
        #expect(dump.scheduler.epoch == lease.epoch)
        #expect(dump.scheduler.leases.map(\.id) == [lease.lease])
        #expect(dump.scheduler.leases.first?.windows == lease.windows.map(\.core.description))
        #expect(dump.scheduler.jobs.map(\.id) == [id])
        #expect(dump.scheduler.brokenInvariants == [])
        #expect(coordinator.failure == nil)
    }

    @Test func steeringAJobThatIsNotThereSaysSo() throws {
        let folder = Folder()
        let coordinator = try Coordinator(.init(directory: folder.url))
        defer { coordinator.shutdown() }
        #expect(throws: CoordinatorError.self) { try coordinator.retry("job-9") }
        #expect(throws: CoordinatorError.self) { try coordinator.setPriority(1, of: "job-9") }
        let id = try coordinator.submit(CoordinatorTests.request())
        let elsewhere = Region.box(west: -60, south: -10, east: -59, north: -9)
        let error = #expect(throws: CoordinatorError.self) { try coordinator.prefer(elsewhere, of: id) }
        #expect(error?.description.contains(id) == true)
        try coordinator.prefer(.box(west: 7.2, south: 45.2, east: 7.4, north: 45.4), of: id)
        try coordinator.prefer(nil, of: id)
        try coordinator.setPriority(7, of: id)
        #expect(try coordinator.dump().scheduler.jobs.first?.priority == 7)
    }

    @Test func secretsAreTakenOutOfADump() throws {
        let text = """
            {"base": "/vsicurl/https://me:sesame@example.org/m.tif?a=1&token=open&b=2", "httpToken": "sesame",
             "keys": ["sesame"], "nested": [{"curveSecretKey": "sesame", "window": "1/2/3"}], "number": 4}
            """
        let result = String(decoding: try Redaction.redacted(json: Data(text.utf8)), as: UTF8.self)
        for secret in ["sesame", "open"] { #expect(!result.contains(secret)) }
        for kept in ["example.org/m.tif?a=1", "&b=2", "1/2/3", "4"] { #expect(result.contains(kept)) }
    }
}
