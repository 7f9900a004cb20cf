import Foundation
import Testing

@testable import Monitor

@Suite struct SteeringRoutesTests {
    private func serving(_ source: FakeSource, _ body: @escaping @Sendable (Int) throws -> Void) async throws {
        try await MonitorServerTests().serving(source, body)
    }

    @Test func jobsAreRetriedPreferredAndReprioritised() async throws {
        let source = try FakeSource()
        try await serving(source) { port in
            for (path, body) in [
                ("retry", "{}"), ("first", #"{"bbox": [7, 45, 8, 46]}"#), ("first", #"{"rect": [1, 2, 3, 4]}"#),
                ("first", "{}"), ("priority", #"{"priority": -3}"#),
            ] {
                let reply = try HTTPConnection.request(port: port, "POST", "/api/v1/jobs/alps/\(path)", body: body)
                #expect(reply.status == 200, "\(path) \(body): \(reply.body)")
            }
        }
        let calls = source.edit { $0.calls }
        #expect(calls.count == 5)
        #expect(calls.first == "retry alps" && calls.last == "priority alps -3")
        #expect(calls[3] == "prefer alps nothing")
    }

    @Test(arguments: [
        (#"{"bbox": [7, 45, 8]}"#, 400), (#"{"bbox": [7, 45, 8, 46], "rect": [1, 2, 3, 4]}"#, 400),
        (#"{"rect": [0.5, 1, 2, 3]}"#, 400), (#"{"bbox": [7, -45, 8, 46]}"#, 422),
    ])
    func aWrongRectangleIsRefused(body: String, status: Int) async throws {
        try await serving(try FakeSource()) { port in
            let reply = try HTTPConnection.request(port: port, "POST", "/api/v1/jobs/alps/first", body: body)
            #expect(reply.status == status)
        }
    }

    @Test func aDumpHoldsNoSecrets() async throws {
        try await serving(try FakeSource()) { port in
            let reply = try HTTPConnection.request(port: port, "GET", "/api/v1/dump")
            #expect(reply.status == 200)
            #expect(reply.body.contains("\"scheduler\""))
            #expect(reply.body.contains("example.org/map.tif"))
            #expect(!reply.body.contains("sesame") && !reply.body.contains("=open"))
        }
    }
}
