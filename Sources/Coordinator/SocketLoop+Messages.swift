import Canvas
import Foundation
import Logging
import Scheduling
import Wire

extension SocketLoop {
    /// Take in a message from a worker.
    func receive(_ message: Message, from peer: PeerID, key: CurveKey?) {
        if case .hello(let hello) = message { return join(hello, from: peer, key: key) }
        guard let id = peers[peer] else {
            if case .bye = message { return }
            return reply(.refuse(Refusal(code: .unknownSession, reason: "register first")), to: peer)
        }
        sessions[id]?.heard = now
        switch message {
        case .credit(let credit): self.credit(id, credit.windows)
        case .heartbeat(let beat): hear(beat, from: id)
        case .progress(let step): handle(.progressed(id, LeaseReference(id: step.lease, epoch: step.epoch)))
        case .result(let result): receive(result, from: id)
        case .fail(let failure): receive(failure, from: id)
        case .modelRequest(let request): answer(request, to: id)
        case .bye(let bye):
            log.info("worker left", metadata: ["worker": "\(id)", "reason": "\(bye.reason)"])
            remove(id)
        case .hello, .welcome, .refuse, .job, .assign, .drain, .modelChunk, .revoke:
            expel(id, "a worker does not send this kind of message")
        }
    }

    /// Take note of a heartbeat; it is progress only where the worker's step counter has moved.
    private func hear(_ beat: Heartbeat, from id: WorkerID) {
        handle(.heard(id))
        sessions[id]?.residentBytes = beat.residentBytes
        guard let session = sessions[id], beat.steps != session.steps else { return }
        sessions[id]?.steps = beat.steps
        for lease in session.leases.keys.sorted() {
            handle(.progressed(id, LeaseReference(id: lease, epoch: epoch)))
        }
    }

    private func receive(_ result: WindowResult, from id: WorkerID) {
        guard let open = sessions[id]?.leases[result.lease], let entry = jobs[open.lease.job] else {
            log.info("late result dropped", metadata: ["window": "\(result.core)", "lease": "\(result.lease)"])
            return
        }
        let lease = open.lease
        let reference = LeaseReference(id: result.lease, epoch: result.epoch)
        let isWhole = result.offset == 0 && result.payload.count == result.total
        if isWhole, scheduler.job(of: result.core, under: reference, of: id) == nil {
            // Pixels that will be dropped need no checksum.
            handle(.received(id, reference, result.core))
            return
        }
        let side = Int(entry.job.plan.canvas.geometry.core)
        do {
            guard let profile = sessions[id]?.hello.profile,
                let pixels = try sessions[id]?.assembler.add(result, expected: side * side * 3)
            else { return }
            guard handle(.received(id, reference, result.core)).contains(.store(lease.job, result.core)) else { return }
            log.debug("window received", metadata: about(lease.job, result.core, id, result.lease))
            sessions[id]?.windowsDone += 1
            sessions[id]?.computeSeconds += result.seconds
            sessions[id]?.close(1, of: result.lease)
            admission.note(age: now - open.since)
            if let peer = sessions[id]?.peer { admission.earn(peer, bytes: pixels.count) }
            store.keep(pixels, of: result.core, for: entry.job, profile: profile)
        } catch {
            expel(id, "\(error)")
        }
    }

    private func receive(_ failure: Failure, from id: WorkerID) {
        let kind: FailureKind =
            switch failure.kind {
            case .environment, .model: .environment
            case .numeric: .window
            case .cancelled: .returned
            }
        if kind != .returned {
            sessions[id]?.lastError = failure.reason
            for core in failure.windows {
                let reference = LeaseReference(id: failure.lease, epoch: failure.epoch)
                guard let job = scheduler.job(of: core, under: reference, of: id) else { continue }
                log.warning(
                    "window not rendered",
                    metadata: about(job, core, id, failure.lease).merging([
                        "kind": "\(kind.rawValue)", "reason": "\(failure.reason)",
                    ]) { $1 })
            }
        }
        if let lease = sessions[id]?.leases[failure.lease]?.lease {
            sessions[id]?.close(Set(failure.windows).intersection(lease.cores).count, of: failure.lease)
        }
        let reference = LeaseReference(id: failure.lease, epoch: failure.epoch)
        handle(.failed(id, reference, failure.windows, kind, reason: failure.reason))
    }

    private func answer(_ request: ModelRequest, to id: WorkerID) {
        guard let model = jobs.values.first(where: { $0.job.description.model == request.digest })?.job.modelBytes
        else {
            let reason = "no job here uses model \(request.digest)"
            return send(.refuse(Refusal(code: .unknownModel, reason: reason)), to: id)
        }
        // Who fetches a model computes nothing meanwhile, and is no less alive.
        for lease in sessions[id]?.leases.keys.sorted() ?? [] {
            handle(.progressed(id, LeaseReference(id: lease, epoch: epoch)))
        }
        let begin = min(Int(request.offset), model.count)
        let end = min(begin + request.length, model.count)
        guard begin < end else { return expel(id, "a model request beyond the file's end") }
        guard (sessions[id]?.outbox.count ?? 0) < Admission.pendingChunks else {
            return expel(id, "it asks for more of the model without reading what was sent")
        }
        send(
            .modelChunk(
                ModelChunk(
                    digest: request.digest, offset: request.offset, total: UInt64(model.count),
                    payload: [UInt8](model[begin..<end]))),
            to: id)
    }

    /// Break with a worker that breaks the protocol.
    private func expel(_ id: WorkerID, _ reason: String) {
        guard let session = sessions[id] else { return }
        log.error("worker expelled", metadata: ["worker": "\(id)", "reason": "\(reason)"])
        reply(.refuse(Refusal(code: .badMessage, reason: reason)), to: session.peer)
        remove(id)
    }

    // MARK: - Actions

    /// Hand an event to the scheduler and carry out what it answers.
    @discardableResult
    func handle(_ event: Event) -> [Action] {
        let actions = scheduler.handle(event, at: now)
        actions.forEach(carryOut)
        return actions
    }

    /// What every line about a window says.
    private func about(_ job: JobID, _ core: Core, _ worker: WorkerID, _ lease: UInt64) -> Logger.Metadata {
        ["job": "\(job)", "window": "\(core)", "worker": "\(worker)", "lease": "\(lease)"]
    }

    private func carryOut(_ action: Action) {
        switch action {
        case .assign(let lease):
            guard sessions[lease.worker] != nil, let entry = jobs[lease.job] else { return }
            if sessions[lease.worker]?.jobsTold.insert(lease.job).inserted == true {
                send(.job(entry.job.description), to: lease.worker)
            }
            for core in lease.cores {
                log.debug("window leased", metadata: about(lease.job, core, lease.worker, lease.id))
            }
            sessions[lease.worker]?.leases[lease.id] = Session.OpenLease(
                lease: lease, windows: lease.cores.count, since: now)
            sessions[lease.worker]?.unspent -= lease.cores.count
            store.prepare(lease, of: entry.job)
        case .revoke(let worker, let lease):
            sessions[worker]?.leases[lease.id] = nil
            log.info("lease revoked", metadata: ["worker": "\(worker)", "lease": "\(lease.id)"])
            send(.revoke(Revocation(lease: lease.id, epoch: lease.epoch)), to: worker)
        case .blocked(let job, let worker, let reason):
            log.error("worker blocked", metadata: ["job": "\(job)", "worker": "\(worker)", "reason": "\(reason)"])
            sessions[worker]?.lastError = "gets no more of \(job): \(reason)"
        case .stalled(let id, let reason):
            log.error("job paused", metadata: ["job": "\(id)", "reason": "\(reason)"])
            jobs[id]?.error = "\(reason); mend them and `tessera resume \(id)`"
            record(.paused, of: id)
        case .store: break
        case .discard(let core, let reason):
            log.info("late result dropped", metadata: ["window": "\(core)", "reason": "\(reason)"])
        case .dismiss(let id, let reason):
            log.warning("worker lost", metadata: ["worker": "\(id)", "reason": "\(reason)"])
            guard let session = sessions.removeValue(forKey: id) else { return }
            peers[session.peer] = nil
            reply(.refuse(Refusal(code: .unknownSession, reason: reason)), to: session.peer)
        case .windowFailed(let id, let core, let reason):
            log.error("window failed", metadata: ["job": "\(id)", "window": "\(core)", "reason": "\(reason)"])
            jobs[id]?.fail(core, reason)
        case .pinned(let id, let profile):
            jobs[id]?.profile = .only(profile)
            do {
                try jobStore.set(profile: profile, of: id)
            } catch {
                log.error("the jobs database cannot be written", metadata: ["job": "\(id)", "error": "\(error)"])
            }
        case .finished(let id):
            if let progress = scheduler.progress(of: id), progress.failed > 0 {
                let behind = progress.unreachable > 0 ? ", and \(progress.unreachable) lie behind them" : ""
                let report = "\(progress.failed) windows failed\(behind); try them again: tessera retry \(id)"
                jobs[id]?.error = report
                log.error("job ends incomplete", metadata: ["job": "\(id)", "reason": "\(report)"])
            } else {
                log.info("job finished", metadata: ["job": "\(id)"])
            }
            if let job = jobs[id]?.job { store.finish(job) }
        }
    }
}
