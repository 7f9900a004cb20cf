import Canvas
import Coordinator
import Foundation
import Pyramid
import Wire
import WorkerCommand

/// A coordinator of one sample of windows: hands each to a worker once, and compares what comes back with what is stored.
final class VerifySession {
    struct Outcome {
        var differing: [Core] = []
        var failed: [Core: String] = [:]
        var profiles: Set<String> = []
    }

    private struct Peer {
        var hello: Hello
        var credit = 0
        var leases: [UInt64: Core] = [:]
        var isTold = false
        var heard: ContinuousClock.Instant = .now
        var assembler = ResultAssembler()
    }

    private static let attempts = 3
    /// A worker unheard for this long is gone.
    private static let silence = Duration.seconds(20)

    let endpoint: Endpoint
    private let verification: Verification
    private let router: ZMQSocket
    private let poller: ZMQPoller
    private let gate: CurveGate?
    private let allowed: AllowList?
    private var waiting: [Core]
    private var peers: [PeerID: Peer] = [:]
    private var failures: [Core: Int] = [:]
    private var left: Int
    private var nextLease: UInt64 = 1
    private var outcome = Outcome()

    init(
        _ verification: Verification, cores: [Core], listen: String, keys: CurveKeyPair?, allowed: AllowList?
    ) throws {
        self.verification = verification
        self.allowed = allowed
        waiting = cores.reversed()
        left = cores.count
        let context = try ZMQContext()
        gate = try allowed.map { list in try CurveGate(context: context) { list.admits($0) } }
        var options = ZMQOptions()
        options.maximumMessage = Limits.workerMessage
        options.security = keys.map { .server($0) } ?? .none
        router = try ZMQSocket(.router, context: context, options: options)
        endpoint = try router.bind(try Endpoint(listen))
        poller = ZMQPoller([router], wakeUp: try WakeUp())
    }

    /// Run until every window was compared.
    ///
    /// - Parameter goesOn: Asked about ten times a second; false ends it as interrupted.
    func run(goesOn: () throws -> Bool) throws -> Outcome {
        var nextBeat = ContinuousClock.now
        while left > 0 {
            try poller.wait(milliseconds: 100)
            while let received = try router.receive() {
                guard let peer = received.peer else { continue }
                if let allowed, received.key.map(allowed.admits) != true { continue }
                guard case .success(let message) = received.message else { continue }
                try take(message, from: peer)
            }
            guard try goesOn() else {
                throw CommandError("interrupted with \(Words.count(left, "window")) left; the mosaic is untouched")
            }
            guard .now >= nextBeat else { continue }
            nextBeat = .now + .seconds(1)
            for (peer, state) in peers {
                if .now - state.heard > Self.silence { drop(peer) } else { try send(.heartbeat(Heartbeat()), to: peer) }
            }
        }
        for peer in peers.keys { try send(.drain(Drain(mode: .now, reason: "all windows are verified")), to: peer) }
        return outcome
    }

    private func take(_ message: Message, from peer: PeerID) throws {
        if case .hello(let hello) = message { return try welcome(hello, peer) }
        guard peers[peer] != nil else {
            return try send(.refuse(Refusal(code: .unknownSession, reason: "register first")), to: peer)
        }
        peers[peer]?.heard = .now
        switch message {
        case .credit(let credit): peers[peer]?.credit += credit.windows
        case .result(let result): try compare(result, from: peer)
        case .fail(let failure):
            if let core = peers[peer]?.leases.removeValue(forKey: failure.lease) {
                fail(core, failure.kind == .cancelled ? nil : failure.reason)
            }
        case .modelRequest(let request): try answer(request, to: peer)
        case .bye: drop(peer)
        default: break
        }
        try assign(peer)
    }

    private func welcome(_ hello: Hello, _ peer: PeerID) throws {
        guard hello.protocolVersion == Message.protocolVersion else {
            return try send(
                .refuse(Refusal(code: .protocolVersion, reason: "this verifies with tessera \(Version.current)")),
                to: peer)
        }
        drop(peer)
        peers[peer] = Peer(hello: hello)
        try send(
            .welcome(Welcome(session: 1, heartbeatMilliseconds: 2000, softwareVersion: Version.current)), to: peer)
    }

    private func assign(_ peer: PeerID) throws {
        while let state = peers[peer], state.credit > 0, let core = waiting.popLast() {
            if !state.isTold { try send(.job(verification.description), to: peer) }
            peers[peer]?.isTold = true
            peers[peer]?.credit -= 1
            peers[peer]?.leases[nextLease] = core
            try send(
                .assign(
                    Assignment(
                        lease: nextLease, epoch: 1, jobID: verification.description.jobID,
                        windows: [try verification.request(for: core)])), to: peer)
            nextLease += 1
        }
    }

    private func compare(_ result: WindowResult, from peer: PeerID) throws {
        guard let core = peers[peer]?.leases[result.lease], result.core == core, result.epoch == 1 else { return }
        let side = Int(verification.mosaic.canvas.geometry.core)
        let pixels: [UInt8]?
        do {
            pixels = try peers[peer]?.assembler.add(result, expected: side * side * 3)
        } catch {
            peers[peer]?.leases[result.lease] = nil
            return fail(core, "\(error)")
        }
        guard let pixels else { return }
        peers[peer]?.leases[result.lease] = nil
        if let profile = peers[peer]?.hello.profile { outcome.profiles.insert(profile) }
        if try !verification.isStored(core, rgb: pixels) { outcome.differing.append(core) }
        left -= 1
    }

    /// Count a failure; without a reason the window was only handed back.
    private func fail(_ core: Core, _ reason: String?) {
        if let reason {
            failures[core, default: 0] += 1
            outcome.failed[core] = reason
        }
        if failures[core, default: 0] < Self.attempts {
            waiting.append(core)
            outcome.failed[core] = nil
        } else {
            left -= 1
        }
    }

    private func answer(_ request: ModelRequest, to peer: PeerID) throws {
        let model = verification.modelBytes
        let begin = min(Int(clamping: request.offset), model.count)
        let end = min(begin + request.length, model.count)
        guard request.digest == verification.description.model, begin < end else {
            return try send(.refuse(Refusal(code: .unknownModel, reason: "not the mosaic's model")), to: peer)
        }
        try send(
            .modelChunk(
                ModelChunk(
                    digest: request.digest, offset: request.offset, total: UInt64(model.count),
                    payload: [UInt8](model[begin..<end]))), to: peer)
    }

    private func drop(_ peer: PeerID) {
        guard let state = peers.removeValue(forKey: peer) else { return }
        waiting += state.leases.values
    }

    private func send(_ message: Message, to peer: PeerID) throws {
        // A worker that reads nothing loses its windows to the others.
        if try router.send(message, to: peer) != .sent { drop(peer) }
    }
}
