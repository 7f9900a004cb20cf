import Foundation
import Logging
import Scheduling
import Wire

extension SocketLoop {
    /// Return whether a message may be heard; who may not speak is cut off.
    func admit(_ received: Received, from peer: PeerID) -> Bool {
        guard let reason = admission.refusal(of: received, from: peer, now: now) else { return true }
        log.warning(
            "peer cut off",
            metadata: [
                "peer": "\(peer)", "worker": "\(peers[peer].map { "\($0)" } ?? "-")",
                "key": "\(received.key?.description ?? "-")", "reason": "\(reason)",
            ])
        cutOff(peer, received.connection, Refusal(code: .notAllowed, reason: reason))
        return false
    }

    private func cutOff(_ peer: PeerID, _ connection: ConnectionID?, _ refusal: Refusal) {
        reply(.refuse(refusal), to: peer)
        if let id = peers[peer] { remove(id) }
        admission.cut(peer, connection)
    }

    /// Break with the workers whose keys are not allowed any more; their leases go to others.
    func enforceAllowList() {
        guard let allowed = admission.allowed else { return }
        for session in sessions.values.sorted(by: { $0.id < $1.id }) where session.key.map(allowed.admits) != true {
            log.warning(
                "worker revoked",
                metadata: ["worker": "\(session.id)", "key": "\(session.key?.description ?? "-")"])
            cutOff(session.peer, nil, Refusal(code: .notAllowed, reason: "this worker's key was revoked"))
        }
    }

    /// Why a worker is not taken in now; nil where it is.
    func refusal(of hello: Hello, key: CurveKey?) -> Refusal? {
        if sessions.count >= Admission.sessions {
            return Refusal(code: .overloaded, reason: "\(Admission.sessions) workers are connected already")
        }
        guard admission.isSuspended(Self.identity(hello, key), now: now) else { return nil }
        return Refusal(code: .overloaded, reason: "this worker held windows too long: it may come back later")
    }

    /// Whom a worker's conduct is remembered by: its key, or what it calls itself.
    private static func identity(_ hello: Hello, _ key: CurveKey?) -> String {
        key?.description ?? hello.workerID.uuidString
    }

    /// Look after what no message calls for; about once a second.
    func police() {
        let now = now
        do {
            if try admission.allowed?.reload() == true { enforceAllowList() }
        } catch {
            log.error("the list of allowed keys cannot be read; it stays as it was", metadata: ["error": "\(error)"])
        }
        let cut = admission.police(now: now) { peers[$0] != nil }
        if cut > 0 { log.warning("connections cut that never completed a message", metadata: ["count": "\(cut)"]) }
        let limit = admission.leaseLimit
        for session in sessions.values.sorted(by: { $0.id < $1.id }) {
            guard let oldest = session.leases.values.map(\.since).min(), now - oldest > limit else { continue }
            log.warning(
                "worker suspended",
                metadata: ["worker": "\(session.id)", "reason": "it has held a lease for \(now - oldest)"])
            admission.suspend(Self.identity(session.hello, session.key), now: now)
            reply(
                .refuse(Refusal(code: .unknownSession, reason: "a lease was held for more than \(limit)")),
                to: session.peer)
            remove(session.id)
        }
    }

    /// Take a worker's credit, as far as its batch makes it plausible.
    func credit(_ id: WorkerID, _ windows: Int) {
        guard let session = sessions[id] else { return }
        let granted = min(windows, session.room)
        guard granted > 0 else { return }
        sessions[id]?.unspent += granted
        handle(.credited(id, windows: granted))
    }
}
