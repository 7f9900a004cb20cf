import Foundation
import Scheduling
import Wire

/// What the coordinator knows of one connected worker.
struct Session {
    struct OpenLease {
        let lease: Lease
        var windows: Int
        let since: Duration
    }

    let id: WorkerID
    let peer: PeerID
    let hello: Hello
    /// What it proved to be, where keys are asked for.
    let key: CurveKey?
    /// Credit that no lease has used yet.
    var unspent = 0
    var assembler = ResultAssembler()
    /// Leases given and not yet complete, each with the windows still out.
    var leases: [UInt64: OpenLease] = [:]
    var jobsTold: Set<JobID> = []
    /// Frames that the socket could not take yet.
    var outbox: [Message] = []
    var heard: Duration
    var steps: UInt64 = 0
    var residentBytes: UInt64 = 0
    var windowsDone = 0
    var computeSeconds = 0.0
    var isDraining = false
    var lastError: String?

    init(id: WorkerID, peer: PeerID, hello: Hello, key: CurveKey?, now: Duration) {
        self.id = id
        self.peer = peer
        self.hello = hello
        self.key = key
        heard = now
    }

    /// The worker's process as the scheduler knows it, the same in all its sessions.
    var identity: UInt64 {
        let bytes = hello.workerID.uuid
        return withUnsafeBytes(of: bytes) {
            $0.loadUnaligned(as: UInt64.self) ^ $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
        }
    }

    private var leased: Int { leases.values.reduce(0) { $0 + $1.windows } }

    /// Credit that may still be granted: an honest worker has two batches out, a revoked lease may come on top.
    var room: Int { max(0, 4 * hello.batch - unspent - leased) }

    /// Count windows of a lease as answered.
    mutating func close(_ windows: Int, of lease: UInt64) {
        leases[lease]?.windows -= windows
        if let left = leases[lease]?.windows, left <= 0 { leases[lease] = nil }
    }

    func status(now: Duration) -> WorkerStatus {
        WorkerStatus(
            id: id.rawValue, name: hello.name, host: hello.host, pid: UInt32(hello.pid), device: hello.device,
            profile: hello.profile, batch: hello.batch, leased: leased,
            windowsDone: windowsDone,
            secondsPerWindow: windowsDone > 0 ? computeSeconds / Double(windowsDone) : nil,
            residentBytes: residentBytes, secondsSinceHeard: (now - heard) / .seconds(1), isDraining: isDraining,
            lastError: lastError, key: key?.description)
    }
}
