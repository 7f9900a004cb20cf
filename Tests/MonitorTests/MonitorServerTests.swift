import Canvas
import Coordinator
import Foundation
import Logging
import Monitor
import Noise
import Scheduling
import Testing

@Suite(.timeLimit(.minutes(1))) struct MonitorServerTests {
    /// Serve on any free port, run what blocks on a thread of its own, and stop.
    func serving(
        _ source: FakeSource, token: String? = nil, maximumBody: Int = 1 << 20,
        _ body: @escaping @Sendable (Int) throws -> Void
    ) async throws {
        try await blocking {
            let server = MonitorServer(
                source: source,
                configuration: .init(port: 0, token: token, maximumBody: maximumBody), logger: Logger(label: "test"))
            let port = try server.start()
            defer { server.stop() }
            try body(port)
        }
    }

    func blocking(_ body: @escaping @Sendable () throws -> Void) async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            Thread { continuation.resume(with: Result { try body() }) }.start()
        }
    }

    static func message(_ reply: HTTPConnection.Reply) throws -> String {
        try JSONDecoder().decode(APIError.self, from: Data(reply.body.utf8)).error.message
    }

    @Test func statusJobsAndWorkersComeAsJSON() async throws {
        let source = try FakeSource()
        try await serving(source) { port in
            let reply = try HTTPConnection.request(port: port, "GET", "/api/v1/status")
            #expect(reply.status == 200)
            #expect(reply.headers["content-type"]?.hasPrefix("application/json") == true)
            let status = try APICoding.decoder().decode(Status.self, from: Data(reply.body.utf8))
            #expect(status.jobs[0].progress.done == 153)
            #expect(status.started == Date(timeIntervalSince1970: 1_795_222_923))
            let job = try HTTPConnection.request(port: port, "GET", "/api/v1/jobs/alps")
            #expect(try APICoding.decoder().decode(JobStatus.self, from: Data(job.body.utf8)).id == "alps")
            let workers = try HTTPConnection.request(port: port, "GET", "/api/v1/workers")
            #expect(
                try APICoding.decoder().decode([WorkerStatus].self, from: Data(workers.body.utf8)).map(\.name)
                    == ["worker-1"])
            #expect(try HTTPConnection.request(port: port, "GET", "/healthz").body == "ok\n")
        }
    }

    @Test func whatIsNotThereIsAJSONErrorThatNamesIt() async throws {
        try await serving(try FakeSource()) { port in
            for (path, name) in [("/nowhere", "/nowhere"), ("/api/v1/jobs/x", "\"x\""), ("/tiles/x.json", "\"x\"")] {
                let reply = try HTTPConnection.request(port: port, "GET", path)
                #expect(reply.status == 404)
                #expect(try Self.message(reply).contains(name))
            }
        }
    }

    @Test func tilesAreKeptForEverOnceFinalAndAskedForAgainBefore() async throws {
        let source = try FakeSource()
        source.edit {
            $0.tiles[" 9/265/182"] = MonitorTile(png: Array("early".utf8), isFinal: false, checksum: 0xab)
        }
        try await serving(source) { port in
            let path = "/tiles/-/9/265/182.png"
            let early = try HTTPConnection.request(port: port, "GET", path + "?v=1")
            #expect(early.status == 200)
            #expect(early.body == "early")
            #expect(early.headers["content-type"] == "image/png")
            #expect(early.headers["etag"] == "\"ab\"")
            #expect(early.headers["cache-control"] == "no-cache")
            let again = try HTTPConnection.request(port: port, "GET", path, headers: ["If-None-Match": "\"ab\""])
            #expect(again.status == 304)
            #expect(again.body.isEmpty)
            source.edit {
                $0.tiles[" 9/265/182"] = MonitorTile(png: Array("late".utf8), isFinal: true, checksum: 0xcd)
            }
            let late = try HTTPConnection.request(
                port: port, "GET", path + "?v=1", headers: ["If-None-Match": "\"ab\""])
            #expect(late.status == 200)
            #expect(late.body == "late")
            #expect(late.headers["cache-control"] == "public, max-age=31536000, immutable")
            let plain = try HTTPConnection.request(port: port, "GET", path)
            #expect(plain.headers["cache-control"] == "no-cache", "the address may serve another mosaic some day")
        }
    }

    @Test func aTileNotRenderedIsEmptyAndAWrongAddressAnError() async throws {
        try await serving(try FakeSource()) { port in
            let missing = try HTTPConnection.request(port: port, "GET", "/tiles/-/9/265/182.png")
            #expect(missing.status == 204)
            #expect(missing.headers["cache-control"] == "no-cache")
            for path in ["31/0/0", "-1/0/0", "9/x/0", "9/0/99999999999999999999", "9/0/1.5"] {
                let reply = try HTTPConnection.request(port: port, "GET", "/tiles/-/\(path).png")
                #expect(reply.status == 400)
                #expect(try Self.message(reply).contains(path))
            }
            #expect(try HTTPConnection.request(port: port, "GET", "/tiles/..%2F..%2Fetc/9/0/0.png").status == 404)
        }
    }

    @Test func tileJSONDescribesTheMosaic() async throws {
        try await serving(try FakeSource()) { port in
            let reply = try HTTPConnection.request(port: port, "GET", "/tiles/-.json")
            let object = try #require(
                try JSONSerialization.jsonObject(with: Data(reply.body.utf8)) as? [String: Any])
            #expect(object["tilejson"] as? String == "3.0.0")
            #expect(object["minzoom"] as? Int == 5)
            #expect(object["maxzoom"] as? Int == 9)
            #expect(object["bounds"] as? [Double] == [6.5, 45.5, 7.5, 46.2])
            let template = try #require((object["tiles"] as? [String])?.first)
            #expect(template.hasPrefix("http://127.0.0.1:\(port)/tiles/-/{z}/{x}/{y}.png?v="))
        }
    }

    @Test func mapServersFindTheMosaic() async throws {
        try await serving(try FakeSource()) { port in
            let wmts = try HTTPConnection.request(port: port, "GET", "/tiles/-/WMTSCapabilities.xml")
            #expect(wmts.status == 200 && wmts.headers["content-type"] == "application/xml")
            let link = "http://127.0.0.1:\(port)/tiles/-/{TileMatrix}/{TileCol}/{TileRow}.png?v="
            #expect(wmts.body.contains(link))
            // Pixels 67840, 46592 with size 1024 × 768 of zoom 9.
            for (zoom, column, row) in [(9, 265...268, 182...184), (8, 132...134, 91...92), (5, 16...16, 11...11)] {
                #expect(
                    wmts.body.contains(
                        "<TileMatrix>\(zoom)</TileMatrix><MinTileRow>\(row.lowerBound)</MinTileRow>"
                            + "<MaxTileRow>\(row.upperBound)</MaxTileRow><MinTileCol>\(column.lowerBound)</MinTileCol>"
                            + "<MaxTileCol>\(column.upperBound)</MaxTileCol>"))
            }
            let gdal = try HTTPConnection.request(port: port, "GET", "/tiles/-/tms.xml")
            #expect(gdal.body.contains("http://127.0.0.1:\(port)/tiles/-/${z}/${x}/${y}.png?v="))
            #expect(try HTTPConnection.request(port: port, "GET", "/tiles/x/tms.xml").status == 404)
        }
    }

    @Test func theOnlyMosaicNeedsNoName() async throws {
        let source = try FakeSource()
        source.edit {
            $0.tiles[" 9/265/182"] = MonitorTile(png: Array("tile".utf8), isFinal: true, checksum: 0xcd)
        }
        try await serving(source) { port in
            let there = try HTTPConnection.request(port: port, "GET", "/tiles/9/265/182.png")
            let missing = try HTTPConnection.request(port: port, "GET", "/tiles/9/265/183.png")
            let wrong = try HTTPConnection.request(port: port, "GET", "/tiles/31/0/0.png")
            #expect(there.body == "tile" && missing.status == 204 && wrong.status == 400)
        }
        let several = try FakeSource(mosaics: ["a", "b"])
        try await serving(several) { port in
            let unclear = try HTTPConnection.request(port: port, "GET", "/tiles/9/265/182.png")
            #expect(unclear.status == 404)
        }
    }

    @Test func aJobMayLeaveOutAllButItsLevels() async throws {
        let source = try FakeSource()
        try await serving(source) { port in
            let reply = try HTTPConnection.request(
                port: port, "POST", "/api/v1/jobs",
                body: #"{"levels": 2, "seed": 18446744073709551615, "bbox": [-10, 40, 3.5, 44], "noise": "periodic"}"#)
            #expect(reply.status == 201)
            #expect(reply.headers["location"] == "/api/v1/jobs/job-1")
            let request = try #require(source.edit { $0.submitted.first })
            #expect(
                request
                    == JobRequest(
                        region: .box(west: -10, south: 40, east: 3.5, north: 44), levels: 2, seed: .max,
                        noise: .periodic))
        }
    }

    @Test(arguments: [
        (#"{"seed": 1}"#, 400, "levels"), (#"{"levels": 2, "sed": 1}"#, 400, "sed"), (#"{"levels": "#, 400, "JSON"),
        (#"{"levels": "two"}"#, 400, "levels"), (#"{"levels": 2, "bbox": [1, 2, 3]}"#, 400, "bbox"),
        (#"{"levels": 2, "bbox": [1, 2, 3, 4], "rect": [1, 2, 3, 4]}"#, 400, "one of"),
        (#"{"levels": 2, "geojson": {"type": "Point"}}"#, 400, "Polygon"),
        (#"{"levels": 2, "geometry": {"core": 100, "margin": 64}}"#, 400, "core 100"),
        (#"{"levels": 2, "base": "/missing.tif"}"#, 422, "/missing.tif: no such file"),
    ])
    func aWrongJobIsRefusedWithAReason(body: String, status: Int, reason: String) async throws {
        let source = try FakeSource()
        try await serving(source) { port in
            let reply = try HTTPConnection.request(port: port, "POST", "/api/v1/jobs", body: body)
            #expect(reply.status == status)
            #expect(try Self.message(reply).contains(reason), "\(reply.body)")
            #expect(source.edit { $0.submitted.isEmpty })
        }
    }

    @Test func jobsAndWorkersAreSteered() async throws {
        let source = try FakeSource()
        try await serving(source) { port in
            #expect(try HTTPConnection.request(port: port, "POST", "/api/v1/jobs/alps/pause").status == 200)
            #expect(try HTTPConnection.request(port: port, "POST", "/api/v1/jobs/nix/cancel").status == 404)
            let refused = try HTTPConnection.request(port: port, "POST", "/api/v1/jobs/alps/resume")
            #expect(refused.status == 409)
            #expect(try Self.message(refused).contains("not paused"))
            let drain = try HTTPConnection.request(
                port: port, "POST", "/api/v1/workers/1/drain", body: #"{"reason": "lunch"}"#)
            #expect(drain.status == 200)
            let none = try HTTPConnection.request(
                port: port, "POST", "/api/v1/workers/9/drain", body: #"{"reason": "lunch"}"#)
            #expect(none.status == 404)
            #expect(source.edit { $0.calls } == ["pause alps", "drain 1 false lunch"])
        }
    }

    @Test func bodiesHaveALimit() async throws {
        let source = try FakeSource()
        try await serving(source, maximumBody: 1000) { port in
            let body = #"{"levels": 2, "base": ""# + String(repeating: "x", count: 2000) + "\"}"
            let reply = try HTTPConnection.request(port: port, "POST", "/api/v1/jobs", body: body)
            #expect(reply.status == 413)
            #expect(try Self.message(reply).contains("1000 bytes"))
            let connection = try HTTPConnection(port: port)
            connection.send(
                "POST /api/v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                    + "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n"
                    + String(repeating: " ", count: 2000) + "\r\n0\r\n\r\n")
            #expect(connection.read().hasPrefix("HTTP/1.1 413"))
            #expect(source.edit { $0.submitted.isEmpty })
        }
    }

    @Test func otherSitesAreKeptOut() async throws {
        let source = try FakeSource()
        try await serving(source) { port in
            let rebound = try HTTPConnection.request(
                port: port, "GET", "/api/v1/status", headers: ["Host": "evil.example"])
            #expect(rebound.status == 403)
            let named = try HTTPConnection.request(
                port: port, "GET", "/api/v1/status", headers: ["Host": "localhost:\(port)"])
            #expect(named.status == 200)
            let crossed = try HTTPConnection.request(
                port: port, "POST", "/api/v1/jobs/alps/cancel", headers: ["Origin": "http://evil.example"])
            #expect(crossed.status == 403)
            let own = try HTTPConnection.request(
                port: port, "POST", "/api/v1/jobs/alps/pause", headers: ["Origin": "http://127.0.0.1:\(port)"])
            #expect(own.status == 200)
            let form = try HTTPConnection.request(
                port: port, "POST", "/api/v1/jobs", headers: ["Content-Type": "text/plain"], body: #"{"levels": 2}"#)
            #expect(form.status == 415)
            #expect(source.edit { $0.calls } == ["pause alps"])
        }
    }

    @Test func aTokenIsAskedForToChangeAnything() async throws {
        let source = try FakeSource()
        try await serving(source, token: "sesame") { port in
            #expect(try HTTPConnection.request(port: port, "GET", "/api/v1/status").status == 200)
            #expect(try HTTPConnection.request(port: port, "POST", "/api/v1/jobs/alps/pause").status == 401)
            let wrong = try HTTPConnection.request(
                port: port, "POST", "/api/v1/jobs/alps/pause", headers: ["Authorization": "Bearer other"])
            #expect(wrong.status == 401)
            let right = try HTTPConnection.request(
                port: port, "POST", "/api/v1/jobs/alps/pause", headers: ["Authorization": "Bearer sesame"])
            #expect(right.status == 200)
            #expect(source.edit { $0.calls } == ["pause alps"])
        }
    }

    @Test func wrongTokensAreLimitedAndTheRightOneIsNot() async throws {
        let source = try FakeSource()
        try await serving(source, token: "sesame") { port in
            func pause(_ token: String) throws -> HTTPConnection.Reply {
                try HTTPConnection.request(
                    port: port, "POST", "/api/v1/jobs/alps/pause", headers: ["Authorization": "Bearer \(token)"])
            }
            let replies = try (0..<40).map { try pause("guess\($0)") }
            #expect(replies.first?.status == 401)
            let limited = replies.filter { $0.status == 429 }
            #expect(limited.count > 10 && replies.allSatisfy { [401, 429].contains($0.status) })
            #expect(limited.allSatisfy { Int($0.headers["retry-after"] ?? "") ?? 0 > 0 })
            #expect(try pause("sesame").status == 200)
            for near in ["sesam", "sesamee", "Sesame", "", "sesame sesame"] {
                #expect([401, 429].contains(try pause(near).status))
            }
            #expect(source.edit { $0.calls } == ["pause alps"])
        }
    }

    @Test func changesAreLimitedAndReadsGoOn() async throws {
        let source = try FakeSource()
        try await serving(source) { port in
            let replies = try (0..<160).map { _ in
                try HTTPConnection.request(port: port, "POST", "/api/v1/jobs/alps/pause").status
            }
            #expect(replies.contains(429) && replies.prefix(50).allSatisfy { $0 == 200 })
            #expect(try HTTPConnection.request(port: port, "GET", "/api/v1/status").status == 200)
        }
    }

    @Test func keysAreAllowedListedAndRevokedWithTheToken() async throws {
        let source = try FakeSource()
        try await serving(source, token: "sesame") { port in
            let body = #"{"key": "a#b/c", "name": "rack 3"}"#
            #expect(try HTTPConnection.request(port: port, "POST", "/api/v1/keys", body: body).status == 401)
            let headers = ["Authorization": "Bearer sesame"]
            let allowed = try HTTPConnection.request(
                port: port, "POST", "/api/v1/keys", headers: headers, body: body)
            #expect(allowed.status == 201)
            let list = try HTTPConnection.request(port: port, "GET", "/api/v1/keys")
            #expect(
                try APICoding.decoder().decode([WorkerKey].self, from: Data(list.body.utf8))
                    == [WorkerKey(key: "a#b/c", name: "rack 3")])
            for expected in [200, 404] {
                let revoked = try HTTPConnection.request(
                    port: port, "POST", "/api/v1/keys/revoke", headers: headers, body: #"{"key": "a#b/c"}"#)
                #expect(revoked.status == expected)
            }
        }
    }

    @Test func eventsTellTheStatusAndItsChanges() async throws {
        let source = try FakeSource()
        try await serving(source) { port in
            let connection = try HTTPConnection(port: port)
            connection.send("GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            let first = connection.read { $0.contains("event: status") && $0.contains("tcp://127.0.0.1:5555") }
            #expect(first.hasPrefix("HTTP/1.1 200"))
            #expect(first.lowercased().contains("content-type: text/event-stream"))
            #expect(first.contains("\r\n\r\n") && first.contains("data: {"))
            source.edit { $0.status.endpoint = "tcp://127.0.0.1:7777" }
            let second = connection.read { $0.contains("tcp://127.0.0.1:7777") }
            #expect(second.contains("event: status"))
        }
    }

    @Test func thePageAndItsPartsAreServed() async throws {
        try await serving(try FakeSource()) { port in
            let page = try HTTPConnection.request(port: port, "GET", "/")
            #expect(page.status == 200)
            #expect(page.headers["content-security-policy"]?.contains("default-src 'none'") == true)
            let parts = page.body.components(separatedBy: "\"").filter { $0.hasPrefix("assets/") }
            #expect(parts.count >= 6)
            for part in parts where !part.contains("leaflet") {
                let reply = try HTTPConnection.request(port: port, "GET", "/" + part)
                #expect(reply.status == 200, "\(part)")
                let again = try HTTPConnection.request(
                    port: port, "GET", "/" + part, headers: ["If-None-Match": reply.headers["etag"] ?? ""])
                #expect(again.status == 304)
            }
            #expect(try HTTPConnection.request(port: port, "GET", "/assets/leaflet/..%2F..%2Fpasswd").status == 404)
        }
    }

    @Test func aPortInUseIsAClearError() async throws {
        let source = try FakeSource()
        try await serving(source) { port in
            let second = MonitorServer(
                source: source, configuration: .init(port: port), logger: Logger(label: "test"))
            let error = #expect(throws: MonitorError.self) { try second.start() }
            #expect(error?.description.contains("127.0.0.1:\(port) is in use") == true)
        }
    }

    @Test func stoppingEndsOpenEventStreamsAndFreesThePort() async throws {
        let source = try FakeSource()
        try await blocking {
            let server = MonitorServer(source: source, configuration: .init(port: 0), logger: Logger(label: "test"))
            let port = try server.start()
            let connection = try HTTPConnection(port: port)
            connection.send("GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            _ = connection.read { $0.contains("event: status") }
            server.stop()
            _ = connection.read()
            #expect(throws: HTTPConnection.Failure.self) { try HTTPConnection(port: port) }
        }
    }
}
