import Foundation
import Wire

/// Who may speak to the coordinator, and how much; it belongs to the socket's thread.
struct Admission {
    /// Connected workers at the most.
    static let sessions = 10_000
    /// A lease may be held so long, at the least …
    static let leaseFloor = Duration.seconds(600)
    /// … and so many times the mean time from a lease to its windows' results.
    static let leaseFactor = 20.0
    /// How long a worker that held its windows too long is kept out; doubled each time.
    static let suspension = Duration.seconds(600)
    /// Pieces of a model that may wait for a worker that does not read.
    static let pendingChunks = 8

    private struct Peer {
        var allowance: Allowance
        var connection: ConnectionID
    }

    private struct Suspension {
        var until: Duration
        var count: Int
    }

    /// nil where no keys are asked for.
    let allowed: AllowList?
    let watch: ConnectionWatch?
    /// Keeps the gate open.
    let gate: CurveGate?
    private var peers: [PeerID: Peer] = [:]
    private var suspensions: [String: Suspension] = [:]
    private var meanLease = Duration.zero

    init(allowed: AllowList? = nil, watch: ConnectionWatch? = nil, gate: CurveGate? = nil) {
        self.allowed = allowed
        self.watch = watch
        self.gate = gate
    }

    /// Why a message is not to be heard; nil where it is.
    mutating func refusal(of received: Received, from peer: PeerID, now: Duration) -> String? {
        watch?.delivered(received.connection)
        if let allowed, received.key.map(allowed.admits) != true {
            return "the key \(received.key?.description ?? "") is not allowed here"
        }
        var known = peers[peer] ?? Peer(allowance: Allowance(now: now), connection: received.connection)
        known.connection = received.connection
        let isPaid = known.allowance.spend(bytes: received.size, now: now)
        peers[peer] = known
        return isPaid ? nil : "more messages than its work pays for"
    }

    mutating func earn(_ peer: PeerID, bytes: Int) { peers[peer]?.allowance.earn(bytes: bytes) }

    /// Note how long a window took from its lease to its result.
    mutating func note(age: Duration) {
        meanLease = meanLease == .zero ? age : meanLease * 0.98 + age * 0.02
    }

    /// How long a lease may be held, whatever progress its worker reports.
    var leaseLimit: Duration { max(Self.leaseFloor, meanLease * Self.leaseFactor) }

    /// Forget a peer, and end its connection.
    mutating func cut(_ peer: PeerID, _ connection: ConnectionID? = nil) {
        guard let connection = connection ?? peers.removeValue(forKey: peer)?.connection else { return }
        peers[peer] = nil
        ZMQSocket.cut(connection)
    }

    /// Cut connections that never complete a message, and forget peers that have been silent for long.
    mutating func police(now: Duration, sessions: (PeerID) -> Bool) -> Int {
        let guilty = watch?.sweep() ?? []
        for connection in guilty { ZMQSocket.cut(connection) }
        peers = peers.filter { now - $0.value.allowance.last < .seconds(60) || sessions($0.key) }
        suspensions = suspensions.filter { $0.value.until + Self.suspension * 16 > now }
        return guilty.count
    }

    // MARK: - Suspension

    mutating func suspend(_ worker: String, now: Duration) {
        let count = min((suspensions[worker]?.count ?? 0) + 1, 8)
        suspensions[worker] = Suspension(until: now + Self.suspension * (1 << (count - 1)), count: count)
    }

    func isSuspended(_ worker: String, now: Duration) -> Bool {
        suspensions[worker].map { $0.until > now } ?? false
    }
}
