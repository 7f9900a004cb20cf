import Canvas
import Foundation
import Wire

/// SplitMix64.
struct Chance: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
        return z ^ z >> 31
    }

    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) } }
}

/// A frame of every kind of message.
func sampleFrames(_ chance: inout Chance) throws -> [[UInt8]] {
    guard let digest = ModelDigest(bytes: chance.bytes(32)) else { return [] }
    let core = Core(level: 1, column: 12, row: -5)
    let geometry = try WindowGeometry(core: 32, margin: 16)
    let messages: [Message] = [
        .hello(
            Hello(
                softwareVersion: "0", workerID: UUID(), name: "fuzz", host: "here", pid: 1, device: "none",
                profile: "none", batch: 2, cachedModels: [digest])),
        .welcome(Welcome(session: 3, heartbeatMilliseconds: 2000, softwareVersion: "0")),
        .refuse(Refusal(code: .overloaded, reason: "later")), .credit(Credit(windows: 4)),
        .job(
            JobDescription(
                jobID: "job-1", model: digest, modelSize: 1 << 20, sampler: "ddim:4", noise: .canvas, seed: 9,
                canvas: Canvas(surface: .plane(metresPerPixel: 10), baseZoom: 0, geometry: geometry))),
        .assign(
            Assignment(
                lease: 1, epoch: 1, jobID: "job-1",
                windows: [WindowRequest(core: core, constants: [1, 2], condition: chance.bytes(16 * 16 * 3))])),
        .progress(StepProgress(lease: 1, epoch: 1, window: 0, step: 1, steps: 4)),
        .fail(Failure(lease: 1, epoch: 1, windows: [core], kind: .numeric, reason: "fuzz")),
        .heartbeat(Heartbeat(lease: 1, windowsFinished: 2, steps: 3, residentBytes: 4)),
        .drain(Drain(mode: .now, reason: "fuzz")), .bye(Bye(reason: "fuzz")),
        .modelRequest(ModelRequest(digest: digest, offset: 0, length: 1 << 16)),
        .modelChunk(ModelChunk(digest: digest, offset: 0, total: 1 << 20, payload: chance.bytes(64))),
        .revoke(Revocation(lease: 1, epoch: 1)),
    ]
    let results = WindowResult.chunks(
        lease: 1, epoch: 1, core: core, pixels: chance.bytes(3000), seconds: 0.1, chunk: 1000)
    return try (messages + results.map { .result($0) }).map { try $0.encoded() }
}

/// Damage a frame near its head, where structure is, or anywhere; or make one of nothing.
func mutated(_ frames: [[UInt8]], _ chance: inout Chance) -> [UInt8] {
    guard Int.random(in: 0..<16, using: &chance) > 0, var frame = frames.randomElement(using: &chance) else {
        return chance.bytes(Int.random(in: 0...64, using: &chance))
    }
    for _ in 0..<Int.random(in: 1...4, using: &chance) where !frame.isEmpty {
        let reach = Bool.random(using: &chance) ? min(frame.count, 96) : frame.count
        let place = Int.random(in: 0..<reach, using: &chance)
        switch Int.random(in: 0..<6, using: &chance) {
        case 0: frame[place] ^= 1 << UInt8.random(in: 0..<8, using: &chance)
        case 1: frame[place] = [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &chance) ?? 0
        case 2: frame.removeSubrange(place...)
        case 3: frame.insert(contentsOf: [0xFF, 0xFF, 0xFF, 0xFF, 0x0F], at: place)
        case 4: frame.insert(contentsOf: (frames.randomElement(using: &chance) ?? []).prefix(40), at: place)
        default: frame += frames.randomElement(using: &chance) ?? []
        }
    }
    return frame
}

/// Resident bytes of this process (proc(5), "statm").
func residentBytes() -> Int {
    let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .ascii)) ?? ""
    let fields = text.split(separator: " ")
    return fields.count > 1 ? (Int(fields[1]) ?? 0) * sysconf(Int32(_SC_PAGESIZE)) : 0
}
