import Foundation
import Scheduling
import Wire

/// What the coordinator knows of one connected worker.
struct Session {
    struct OpenLease {
        let lease: Lease
        var windows: Int
    }

    let id: WorkerID
    let peer: PeerID
    let hello: Hello
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

    init(id: WorkerID, peer: PeerID, hello: Hello, now: Duration) {
        self.id = id
        self.peer = peer
        self.hello = hello
        heard = now
    }

    /// The worker's process as the scheduler knows it, the same in all its sessions.
    var identity: UInt64 {
        let bytes = hello.workerID.uuid
        return withUnsafeBytes(of: bytes) {
            $0.loadUnaligned(as: UInt64.self) ^ $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
        }
    }

    /// Count windows of a lease as answered.
    mutating func close(_ windows: Int, of lease: UInt64) {
        leases[lease]?.windows -= windows
        if let left = leases[lease]?.windows, left <= 0 { leases[lease] = nil }
    }

    func status(now: Duration) -> WorkerStatus {
        WorkerStatus(
            id: id.rawValue, name: hello.name, host: hello.host, pid: UInt32(hello.pid), device: hello.device,
            profile: hello.profile, batch: hello.batch, leased: leases.values.reduce(0) { $0 + $1.windows },
            windowsDone: windowsDone,
            secondsPerWindow: windowsDone > 0 ? computeSeconds / Double(windowsDone) : nil,
            residentBytes: residentBytes, secondsSinceHeard: (now - heard) / .seconds(1), isDraining: isDraining,
            lastError: lastError)
    }
}
