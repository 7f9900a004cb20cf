import Canvas
import Foundation
import Testing
import Wire

@Suite("Frames of another implementation")
struct GoldenTests {
    private let digest = ModelDigest(bytes: (0..<32).map { UInt8($0) })!

    private var messages: [String: Message] {
        get throws {
            let reversed = try #require(ModelDigest(bytes: (0..<32).reversed().map { UInt8($0) }))
            let id = try #require(UUID(uuidString: "6ba7b810-9dad-11d1-80b4-00c04fd430c8"))
            return [
                "hello": .hello(
                    Hello(
                        protocolVersion: 1, softwareVersion: "0.1", workerID: id, name: "würker", host: "h", pid: 4711,
                        device: "cpu", profile: "blas/SkylakeX", batch: 4, cachedModels: [digest, reversed])),
                "welcome": .welcome(Welcome(session: 1 << 63 + 5, heartbeatMilliseconds: 1000, softwareVersion: "0.1")),
                "refuse": .refuse(Refusal(code: .unknownSession, reason: "who?")),
                "credit": .credit(Credit(windows: 300)),
                "job": .job(
                    JobDescription(
                        jobID: "j1", model: digest, modelSize: 1 << 33, sampler: "ddim:50", noise: .periodic,
                        seed: .max - 1, canvas: Canvas(surface: .plane(metresPerPixel: 0.1), baseZoom: 3),
                        exactProfile: "blas/Haswell")),
                "assign": .assign(
                    Assignment(
                        lease: 9, epoch: 1 << 40, jobID: "j1",
                        windows: [
                            WindowRequest(
                                core: Core(level: 2, column: -(1 << 40), row: 1 << 40), constants: [6.25, -0.1],
                                condition: (0..<192).map { UInt8(truncatingIfNeeded: $0 * 7) })
                        ])),
                "progress": .progress(StepProgress(lease: 1, epoch: 2, window: 3, step: 4, steps: 50)),
                "result": .result(
                    WindowResult(
                        lease: 1, epoch: 2, core: Core(level: 15, column: -1, row: 0), offset: 5, total: 49152,
                        checksum: 0xDEAD_BEEF, seconds: 1.5, payload: [0, 255, 128])),
                "fail": .fail(
                    Failure(
                        lease: 1, epoch: 2,
                        windows: [Core(level: 1, column: -2, row: 3), Core(level: 1, column: 0, row: 0)],
                        kind: .numeric, reason: "NaN")),
                "heartbeat": .heartbeat(
                    Heartbeat(lease: 1, windowsFinished: 2, steps: .max, residentBytes: 1 << 32)),
                "drain": .drain(Drain(mode: .now, reason: "r")),
                "bye": .bye(Bye(reason: "")),
                "modelRequest": .modelRequest(ModelRequest(digest: digest, offset: 1 << 32, length: 1 << 20)),
                "modelChunk": .modelChunk(
                    ModelChunk(digest: digest, offset: 7, total: 10, payload: Array("abc".utf8))),
                "revoke": .revoke(Revocation(lease: 1, epoch: 2)),
            ]
        }
    }

    @Test("Every message has the bytes that Google's implementation gives it, both ways")
    func golden() throws {
        let messages = try messages
        #expect(Set(messages.keys) == Set(goldenFrames.keys))
        for (name, message) in messages {
            let digits = Array(try #require(goldenFrames[name]))
            let frame = stride(from: 0, to: digits.count, by: 2).compactMap {
                UInt8(String(digits[$0...$0 + 1]), radix: 16)
            }
            #expect(try Message(decoding: frame) == message, "\(name)")
            #expect(try message.encoded() == frame, "\(name)")
        }
    }
}
