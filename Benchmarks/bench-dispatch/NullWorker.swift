import Canvas
import Foundation
import Wire

/// A process that registers as one worker or many, and answers every window at once, or a batch after a delay, with
/// pixels it has ready: all of a worker but the computation.
struct NullWorker {
    struct Options {
        var endpoint: String
        var sessions = 1
        var batch = 16
        /// Seconds that a batch takes.
        var delay = 0.0
    }

    /// What it tells when it ends, on a line of standard output.
    struct Report: Codable {
        var windows = 0
        var busySeconds = 0.0
        /// Time between the end of a batch and the begin of the next.
        var idleSeconds = 0.0
    }

    private final class Session {
        let socket: ZMQSocket
        let name: String
        let id = UUID()
        var outbox: [[UInt8]] = []
        var sent = 0
        var side = 128
        var queue: [(lease: Assignment, core: Core)] = []
        var batchEnd: Double?
        var lastEnd: Double?
        var isRegistered = false
        var isOver = false

        init(_ name: String, _ endpoint: Endpoint, _ context: ZMQContext) throws {
            self.name = name
            var options = ZMQOptions()
            options.sendHighWaterMark = 1024
            options.receiveHighWaterMark = 1024
            socket = try ZMQSocket(.dealer, context: context, options: options)
            try socket.connect(endpoint)
        }

        func send(_ message: Message) throws {
            outbox.append(try message.encoded())
            try flush()
        }

        func flush() throws {
            while sent < outbox.count, try socket.send(outbox[sent]) == .sent { sent += 1 }
            guard sent == outbox.count || sent > 256 else { return }
            outbox.removeFirst(sent)
            sent = 0
        }
    }

    let options: Options
    private var sessions: [Session] = []
    private var report = Report()
    private var pixels: [Int: [(bytes: [UInt8], checksum: UInt64)]] = [:]

    init(_ options: Options) { self.options = options }

    /// Serve until the coordinator says that it ends.
    mutating func run() throws {
        let endpoint = try Endpoint(options.endpoint)
        let context = try ZMQContext()
        sessions = try (0..<options.sessions).map { try Session("null-\($0)", endpoint, context) }
        let poller = ZMQPoller(sessions.map(\.socket), wakeUp: try WakeUp())
        for session in sessions { try greet(session) }
        var nextHeartbeat = Self.now + 2
        while sessions.contains(where: { !$0.isOver }) {
            let now = Self.now
            var wake = nextHeartbeat
            for session in sessions {
                try serve(session)
                if let end = session.batchEnd { wake = min(wake, end) }
                if !session.outbox.isEmpty { wake = min(wake, now + 0.001) }
            }
            if now >= nextHeartbeat {
                nextHeartbeat = now + 2
                for session in sessions where session.isRegistered {
                    try session.send(.heartbeat(Heartbeat(steps: UInt64(report.windows))))
                }
            }
            let left = wake - Self.now
            if left >= 0.001 {
                try poller.wait(milliseconds: Int(left * 1000))
            } else if left > 0 {
                usleep(UInt32(left * 1e6))
            }
        }
        print(String(decoding: try JSONEncoder().encode(report), as: UTF8.self))
    }

    private static var now: Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }

    private func greet(_ session: Session) throws {
        try session.send(
            .hello(
                Hello(
                    softwareVersion: "0", workerID: session.id, name: session.name, host: "bench",
                    pid: Int(ProcessInfo.processInfo.processIdentifier), device: "none", profile: "null/1",
                    batch: options.batch)))
    }

    private mutating func serve(_ session: Session) throws {
        guard !session.isOver else { return }
        try session.flush()
        for _ in 0..<64 {
            guard let message = try session.socket.receive()?.message.get() else { break }
            switch message {
            case .welcome:
                session.isRegistered = true
                try session.send(.credit(Credit(windows: 2 * options.batch)))
            case .job(let job): session.side = Int(job.canvas.geometry.core)
            case .assign(let lease):
                session.queue += lease.windows.map { (lease, $0.core) }
                if options.delay == 0 { try deliver(session, session.queue.count) }
            case .revoke(let lease):
                let count = session.queue.count
                session.queue.removeAll { $0.lease.lease == lease.lease }
                if count > session.queue.count {
                    try session.send(.credit(Credit(windows: count - session.queue.count)))
                }
            case .drain, .bye, .refuse:
                try session.send(.bye(Bye(reason: "done")))
                session.isOver = true
                return
            default: break
            }
        }
        if options.delay > 0 { try compute(session) }
    }

    private mutating func compute(_ session: Session) throws {
        let now = Self.now
        if let end = session.batchEnd, now >= end {
            session.batchEnd = nil
            session.lastEnd = end
            report.busySeconds += options.delay
            try deliver(session, min(options.batch, session.queue.count))
        }
        guard session.batchEnd == nil, !session.queue.isEmpty else { return }
        let start = Self.now
        if let last = session.lastEnd { report.idleSeconds += start - last }
        session.batchEnd = start + options.delay
    }

    private mutating func deliver(_ session: Session, _ count: Int) throws {
        guard count > 0 else { return }
        for (lease, core) in session.queue.prefix(count) {
            let ready = pixels(core, side: session.side)
            try session.send(
                .result(
                    WindowResult(
                        lease: lease.lease, epoch: lease.epoch, core: core, offset: 0, total: ready.bytes.count,
                        checksum: ready.checksum, seconds: options.delay / Double(options.batch), payload: ready.bytes))
            )
        }
        session.queue.removeFirst(count)
        report.windows += count
        try session.send(.credit(Credit(windows: count)))
    }

    /// Pixels as unruly as an aerial picture, eight kinds, ready made.
    private mutating func pixels(_ core: Core, side: Int) -> (bytes: [UInt8], checksum: UInt64) {
        if pixels[side] == nil {
            pixels[side] = (0..<8).map { kind in
                var state = UInt64(kind) &* 0x9E37_79B9_7F4A_7C15 &+ 1
                var bytes = [UInt8](repeating: 0, count: side * side * 3)
                for y in 0..<side {
                    for x in 0..<side {
                        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                        let grain = Int(state >> 60)
                        let slope = (x * (kind + 1) + y * 3) / 4 % 200
                        for c in 0..<3 { bytes[3 * (y * side + x) + c] = UInt8((slope + grain + 11 * c) % 256) }
                    }
                }
                return (bytes, Checksum.xxh64(bytes))
            }
        }
        let kind = Int(truncatingIfNeeded: core.column &+ 3 &* core.row) & 7
        return pixels[side]?[kind] ?? ([], 0)
    }
}
