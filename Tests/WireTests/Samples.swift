import Canvas
import Foundation
import Wire

/// SplitMix64: a small generator with a seed, so that a failing case can be run again.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }

    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) } }

    mutating func text(_ limit: Int, empty: Bool = true) -> String {
        let alphabet = Array("abcXYZ 0189/-_.äß漢😀")
        return String(
            (0..<Int.random(in: (empty ? 0 : 1)...limit, using: &self)).map { _ in alphabet.randomElement(using: &self)!
            })
    }

    mutating func big() -> UInt64 { next() >> UInt64.random(in: 0..<64, using: &self) }

    mutating func core() -> Core {
        let limit = Limits.coordinate >> Int64.random(in: 0...40, using: &self)
        return Core(
            level: Int.random(in: 1...Limits.level, using: &self),
            column: Int64.random(in: -limit...limit, using: &self),
            row: Int64.random(in: -limit...limit, using: &self))
    }

    mutating func digest() -> ModelDigest { ModelDigest(bytes: bytes(32))! }

    mutating func window() -> WindowRequest {
        let side = [8, 16, 48, 64].randomElement(using: &self)!
        return WindowRequest(
            core: core(),
            constants: (0..<Int.random(in: 0...4, using: &self)).map { _ in Float.random(in: -9...9, using: &self) },
            condition: bytes(side * side * 3))
    }
}

/// Return a valid message of each kind, with fields drawn from `random`.
func sampleMessages(_ random: inout SeededGenerator) -> [Message] {
    let core = [Int64(32), 64, 128, 256].randomElement(using: &random)!
    let margin = Int64.random(in: 0...(core * 3 / 8), using: &random) * 4
    let surface: Canvas.Surface =
        Bool.random(using: &random)
        ? .webMercator : .plane(metresPerPixel: Double.random(in: 0.01...9000, using: &random))
    let total = Int.random(in: 1...3000, using: &random)
    let offset = Int.random(in: 0..<total, using: &random)
    let steps = Int.random(in: 1...100, using: &random)
    let fileSize = UInt64.random(in: 5000...Limits.model, using: &random)
    return [
        .hello(
            Hello(
                protocolVersion: Int.random(in: 0...3, using: &random), softwareVersion: random.text(20),
                workerID: UUID(), name: random.text(30, empty: false), host: random.text(30),
                pid: Int.random(in: 0...4_000_000, using: &random), device: random.text(40), profile: random.text(20),
                batch: Int.random(in: 1...256, using: &random),
                cachedModels: (0..<Int.random(in: 0...3, using: &random)).map { _ in random.digest() })),
        .welcome(
            Welcome(
                session: random.big(), heartbeatMilliseconds: Int.random(in: 10...60_000, using: &random),
                softwareVersion: random.text(20))),
        .refuse(Refusal(code: .allCases.randomElement(using: &random)!, reason: random.text(100))),
        .credit(Credit(windows: Int.random(in: 1...Limits.credit, using: &random))),
        .job(
            JobDescription(
                jobID: random.text(36, empty: false), model: random.digest(), modelSize: fileSize,
                sampler: random.text(30, empty: false), noise: .allCases.randomElement(using: &random)!,
                seed: random.big(),
                canvas: Canvas(
                    surface: surface, baseZoom: Int.random(in: 0...20, using: &random),
                    geometry: try! WindowGeometry(core: core, margin: margin)),
                exactProfile: Bool.random(using: &random) ? nil : "blas/SkylakeX")),
        .assign(
            Assignment(
                lease: random.big(), epoch: random.big(), jobID: random.text(36, empty: false),
                windows: (0..<Int.random(in: 1...4, using: &random)).map { _ in random.window() })),
        .progress(
            StepProgress(
                lease: random.big(), epoch: random.big(), window: Int.random(in: 0..<256, using: &random),
                step: Int.random(in: 0...steps, using: &random), steps: steps)),
        .result(
            WindowResult(
                lease: random.big(), epoch: random.big(), core: random.core(), offset: offset, total: total,
                checksum: random.next(),
                seconds: Double.random(in: 0...100, using: &random),
                payload: random.bytes(Int.random(in: 1...(total - offset), using: &random)))),
        .fail(
            Failure(
                lease: random.big(), epoch: random.big(),
                windows: (0..<Int.random(in: 1...5, using: &random)).map { _ in random.core() },
                kind: .allCases.randomElement(using: &random)!, reason: random.text(200))),
        .heartbeat(
            Heartbeat(
                lease: random.big(), windowsFinished: random.big(), steps: random.big(), residentBytes: random.big())),
        .drain(Drain(mode: .allCases.randomElement(using: &random)!, reason: random.text(50))),
        .bye(Bye(reason: random.text(50))),
        .modelRequest(
            ModelRequest(
                digest: random.digest(), offset: UInt64.random(in: 0...Limits.model, using: &random),
                length: Int.random(in: 1...Limits.chunk, using: &random))),
        .modelChunk(
            ModelChunk(
                digest: random.digest(), offset: UInt64.random(in: 0...(fileSize - 5000), using: &random),
                total: fileSize, payload: random.bytes(Int.random(in: 1...4000, using: &random)))),
        .revoke(Revocation(lease: random.big(), epoch: random.big())),
    ]
}
