import Canvas
import Foundation
import Testing

@testable import Wire

@Suite("Messages")
struct MessageTests {
    @Test("Every message comes back from its frame as it was", arguments: 0..<60)
    func roundTrip(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for message in sampleMessages(&random) {
            #expect(try Message(decoding: message.encoded()) == message)
        }
    }

    @Test("A random frame is decoded or refused, never a crash")
    func noise() {
        var random = SeededGenerator(seed: 1)
        var refused = 0
        for _ in 0..<20_000 {
            let bytes = random.bytes(Int.random(in: 0...64, using: &random))
            do { _ = try Message(decoding: bytes) } catch { refused += 1 }
        }
        #expect(refused > 19_000)
    }

    @Test("A damaged frame is decoded to a valid message or refused", arguments: 0..<8)
    func mutations(seed: UInt64) throws {
        var random = SeededGenerator(seed: 1000 + seed)
        let frames = try sampleMessages(&random).map { try $0.encoded() }
        var refused = 0
        for _ in 0..<8_000 {
            var frame = frames.randomElement(using: &random)!
            for _ in 0..<Int.random(in: 1...4, using: &random) { mutate(&frame, with: frames, &random) }
            do {
                let message = try Message(decoding: frame)
                // What was let in is within every bound, so it can be sent on.
                #expect(try Message(decoding: message.encoded()).encoded() == message.encoded())
            } catch is WireError {
                refused += 1
            }
        }
        #expect(refused > 0)
    }

    /// Damage a frame near its head, where structure is, or anywhere.
    private func mutate(_ frame: inout [UInt8], with others: [[UInt8]], _ random: inout SeededGenerator) {
        guard !frame.isEmpty else { return }
        let reach = Bool.random(using: &random) ? min(frame.count, 96) : frame.count
        let place = Int.random(in: 0..<reach, using: &random)
        switch Int.random(in: 0..<6, using: &random) {
        case 0: frame[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 1: frame[place] = [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &random)!
        case 2: frame.removeSubrange(place...)
        case 3: frame.insert(contentsOf: [0xFF, 0xFF, 0xFF, 0xFF, 0x0F], at: place)
        case 4: frame.insert(contentsOf: others.randomElement(using: &random)!.prefix(40), at: place)
        default: frame += others.randomElement(using: &random)!
        }
    }

    @Test("A list of many empty elements is refused before it takes memory")
    func amplification() throws {
        // An Assign (field 6) whose windows (field 4) are 2-byte empty messages.
        let windows = [UInt8](repeating: 0, count: 2_000_000).indices.map { $0 % 2 == 0 ? UInt8(0x22) : 0 }
        var frame: [UInt8] = [0x32]
        var count = windows.count
        while count >= 128 {
            frame.append(UInt8(count & 127) | 128)
            count >>= 7
        }
        frame.append(UInt8(count))
        frame += windows
        #expect(throws: WireError.malformed(bytes: frame.count)) { try Message(decoding: frame) }
    }

    @Test("Frames beyond the limit are refused")
    func tooLong() throws {
        let frame = [UInt8](repeating: 0, count: Limits.message + 1)
        #expect(throws: WireError.tooLong(bytes: frame.count)) { try Message(decoding: frame) }
        let window = WindowRequest(
            core: Core(level: 1, column: 0, row: 0), constants: [],
            condition: [UInt8](repeating: 7, count: 256 * 256 * 3))
        let assign = Message.assign(
            Assignment(lease: 1, epoch: 1, jobID: "j", windows: Array(repeating: window, count: 22)))
        #expect(throws: WireError.self) { try assign.encoded() }
    }

    @Test("Fields out of bounds are refused and named, when sent and when received")
    func bounds() throws {
        let core = Core(level: 1, column: 0, row: 0)
        func window(_ condition: Int, _ constants: [Float] = [], _ core: Core = core) -> Message {
            .assign(
                Assignment(
                    lease: 1, epoch: 1, jobID: "j",
                    windows: [
                        WindowRequest(
                            core: core, constants: constants, condition: [UInt8](repeating: 0, count: condition))
                    ]))
        }
        func result(offset: Int, total: Int, payload: Int, seconds: Double = 0) -> Message {
            .result(
                WindowResult(
                    lease: 1, epoch: 1, core: core, offset: offset, total: total, checksum: 0, seconds: seconds,
                    payload: [UInt8](repeating: 0, count: payload)))
        }
        func progress(_ step: Int, of steps: Int) -> Message {
            .progress(StepProgress(lease: 1, epoch: 1, window: 0, step: step, steps: steps))
        }
        let cases: [(Message, String)] = [
            (window(12_287), "condition"), (window(7 * 7 * 3), "condition"), (window(192, [.nan]), "constants"),
            (window(192, Array(repeating: 0, count: 17)), "constants"),
            (window(192, [], Core(level: 0, column: 0, row: 0)), "level"),
            (window(192, [], Core(level: 1, column: Limits.coordinate + 1, row: 0)), "column"),
            (window(192, [], Core(level: 1, column: 0, row: -Limits.coordinate - 1)), "row"),
            (result(offset: 0, total: 10, payload: 11), "offset"), (result(offset: 8, total: 10, payload: 3), "offset"),
            (result(offset: 0, total: Limits.corePixels + 1, payload: 3), "total"),
            (result(offset: 0, total: 10, payload: 0), "payload"),
            (result(offset: 0, total: 10, payload: 1, seconds: .infinity), "seconds"),
            (progress(3, of: 2), "step"), (progress(0, of: 0), "steps"),
            (.credit(Credit(windows: 0)), "windows"),
            (.welcome(Welcome(session: 1, heartbeatMilliseconds: 0, softwareVersion: "1")), "heartbeat_milliseconds"),
            (.fail(Failure(lease: 1, epoch: 1, windows: [], kind: .model, reason: "")), "windows"),
        ]
        for (message, field) in cases {
            for attempt in [{ try message.encoded() }, { try message.packed() }] {
                do {
                    _ = try Message(decoding: attempt())
                    Issue.record("accepted: \(field)")
                } catch WireError.field(_, let named, _) {
                    #expect(named == field)
                }
            }
        }
    }

    @Test("Unknown enumeration values, an empty frame and an unknown message are refused")
    func unknownValues() {
        // refuse { code: 99 }, drain { mode: 0 }, and field 20 that no version has.
        #expect(throws: WireError.self) { try Message(decoding: [0x1A, 2, 0x08, 99]) }
        #expect(throws: WireError.self) { try Message(decoding: [0x5A, 0]) }
        #expect(throws: WireError.unknownMessage) { try Message(decoding: []) }
        #expect(throws: WireError.unknownMessage) { try Message(decoding: [0xA2, 1, 0]) }
    }

    @Test("Reasons are cut and cleaned rather than lost")
    func reasons() throws {
        let reason = "line one\nline two\u{1B}[31m" + String(repeating: "ß", count: 4000)
        let message = Message.fail(
            Failure(
                lease: 1, epoch: 1, windows: [Core(level: 1, column: 0, row: 0)], kind: .environment, reason: reason))
        guard case .fail(let failure) = try Message(decoding: message.encoded()) else {
            Issue.record("another message")
            return
        }
        #expect(failure.reason.hasPrefix("line one line two [31mß"))
        #expect(failure.reason.utf8.count <= Limits.reason)
    }

    @Test("Frames are the bytes that the protobuf encoding defines")
    func golden() throws {
        // Worked out by hand from the encoding guide: tag = field << 3 | type; sint64 in zigzag; fixed64 little-endian.
        let heartbeat = Message.heartbeat(Heartbeat(lease: 300, windowsFinished: 0, steps: 1, residentBytes: 128))
        #expect(try heartbeat.encoded() == [0x52, 8, 0x08, 0xAC, 0x02, 0x18, 1, 0x20, 0x80, 0x01])
        let result = Message.result(
            WindowResult(
                lease: 1, epoch: 2, core: Core(level: 3, column: -1, row: 1), offset: 0, total: 3,
                checksum: 0x0102_0304, seconds: 0.5, payload: [9, 8, 7]))
        #expect(
            try result.encoded() == [
                0x42, 30, 0x08, 1, 0x10, 2, 0x18, 3, 0x20, 1, 0x28, 2, 0x38, 3, 0x41, 4, 3, 2, 1, 0, 0, 0, 0,
                0x49, 0, 0, 0, 0, 0, 0, 0xE0, 0x3F, 0x7A, 3, 9, 8, 7,
            ])
    }

    @Test("A job tells which windows fit it")
    func jobCheck() throws {
        var random = SeededGenerator(seed: 3)
        let job = JobDescription(
            jobID: "j", model: random.digest(), modelSize: 1, sampler: "ddim", noise: .canvas, seed: 1,
            canvas: Canvas(surface: .webMercator, baseZoom: 5))
        func window(_ core: Core, _ bytes: Int = 64 * 64 * 3) -> WindowRequest {
            WindowRequest(core: core, constants: [], condition: random.bytes(bytes))
        }
        try job.check(window(Core(level: 1, column: 0, row: 3)))
        #expect(throws: WireError.self) { try job.check(window(Core(level: 1, column: 0, row: -1))) }
        #expect(throws: WireError.self) { try job.check(window(Core(level: 1, column: 256, row: 0))) }
        #expect(throws: WireError.self) { try job.check(window(Core(level: 13, column: 0, row: 0))) }
        #expect(throws: WireError.self) { try job.check(window(Core(level: 1, column: 0, row: 0), 32 * 32 * 3)) }
    }
}
