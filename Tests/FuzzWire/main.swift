import Canvas
import Coordinator
import Foundation
import Logging
import Scheduling
import Wire

// fuzz-wire [RUNS [SEED]]: mutated frames for the decoder, then for a live coordinator that an honest worker works for.
// It ends with status 0 where nothing crashed, every refusal was a refusal, memory stood still, and the honest worker
// got its windows done.

let runs = CommandLine.arguments.count > 1 ? Int(CommandLine.arguments[1]) ?? 0 : 1_000_000
let seed = CommandLine.arguments.count > 2 ? UInt64(CommandLine.arguments[2]) ?? 1 : 1
/// What allocators and caches may take beside.
let growthLimit = 64 << 20

func fail(_ reason: String) -> Never {
    FileHandle.standardError.write(Data("fuzz-wire: \(reason)\n".utf8))
    exit(1)
}

func wait(_ what: String, until condition: () -> Bool) {
    let deadline = ContinuousClock.now + .seconds(60)
    while !condition() {
        if ContinuousClock.now > deadline { fail("waited in vain for \(what)") }
        usleep(10_000)
    }
}

func report(_ what: String, _ runs: Int, _ seconds: Double, before: Int, _ more: String) {
    let grown = residentBytes() - before
    print(
        "\(what): \(runs) frames in \(Int(seconds)) s, \(Int(Double(runs) / max(seconds, 1e-9))) a second, resident "
            + "\(before >> 20) MiB and \(grown >> 10) KiB more at the end; \(more)")
    if grown > growthLimit { fail("\(what): memory grew by \(grown >> 20) MiB") }
}

do {
    var chance = Chance(state: seed)
    let frames = try sampleFrames(&chance)
    fuzzDecoder(frames, &chance)
    try fuzzCoordinator(frames, &chance)
} catch {
    fail("\(error)")
}

func fuzzDecoder(_ frames: [[UInt8]], _ chance: inout Chance) {
    let start = ContinuousClock.now
    var refused = 0
    var before = residentBytes()
    for run in 0..<runs {
        if run == runs / 10 { before = residentBytes() }
        let frame = mutated(frames, &chance)
        do {
            let message = try Message(decoding: frame)
            // What is let in is within every bound, so it can be sent on, and means the same then.
            guard try Message(decoding: message.encoded()).encoded() == message.encoded() else {
                fail("a message changes on its way: \(frame)")
            }
        } catch is WireError {
            refused += 1
        } catch {
            fail("a frame is refused by \(error): \(frame)")
        }
    }
    report("decoder", runs, (.now - start) / .seconds(1), before: before, "\(refused) refused")
}

func fuzzCoordinator(_ frames: [[UInt8]], _ chance: inout Chance) throws {
    guard let reference = ProcessInfo.processInfo.environment["TESSERA_REFERENCE"] else {
        fail("TESSERA_REFERENCE is not set: run `make fuzz`")
    }
    let folder = FileManager.default.temporaryDirectory.appending(path: "tessera-fuzz-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    var quiet = Logger(label: "fuzz")
    quiet.logLevel = .critical
    let coordinator = try Coordinator(.init(directory: folder), log: quiet)
    _ = try coordinator.submit(
        JobRequest(
            region: .box(west: 0, south: 30, east: 40, north: 56), levels: 1, seed: 1,
            model: reference + "/small/model.safetensors", sampler: "ddim:2"))
    let honest = HonestWorker(coordinator.endpoint)
    honest.start()
    wait("the honest worker to begin") { honest.done > 0 }
    let start = ContinuousClock.now
    var before = residentBytes()
    var connections = 0
    var sent = 0
    var onThis = 0
    var attacker: Attacker?
    while sent < runs {
        if attacker == nil {
            connections += 1
            onThis = 0
            attacker = try Attacker(coordinator.endpoint)
            // Some speak as registered workers.
            if connections % 2 == 0 { _ = try attacker?.send(frames[0]) }
        }
        guard try attacker?.send(mutated(frames, &chance)) == true else {
            attacker = nil
            continue
        }
        sent += 1
        onThis += 1
        // Most stop short of what the coordinator hears from a peer that does no work; some do not.
        if onThis == (connections % 8 == 0 ? 4000 : 1500) { attacker = nil }
        if sent == runs / 10 { before = residentBytes() }
    }
    attacker = nil
    let seconds = (.now - start) / .seconds(1)
    let during = honest.done
    wait("the honest worker to go on") { honest.done > during }
    honest.stop()
    wait("what the honest worker did to be committed") {
        (coordinator.status().jobs.first?.progress.done ?? 0) >= honest.done
    }
    guard coordinator.status().jobs.first?.error == nil else {
        fail("the job stopped: \(coordinator.status().jobs.first?.error ?? "")")
    }
    report(
        "live coordinator", sent, seconds, before: before,
        "\(connections) connections; the honest worker got \(during) windows done meanwhile")
    coordinator.shutdown()
}
