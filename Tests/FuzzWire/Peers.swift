import Canvas
import Foundation
import Synchronization
import Wire

/// Sends frames, and does not care for answers.
final class Attacker {
    private let socket: ZMQSocket
    private let poller: ZMQPoller

    init(_ endpoint: String) throws {
        var options = ZMQOptions()
        options.reconnectInterval = 10
        socket = try ZMQSocket(.dealer, context: ZMQContext(), options: options)
        try socket.connect(try Endpoint(endpoint))
        poller = ZMQPoller([socket], wakeUp: try WakeUp())
    }

    /// Send a frame; false where there is no room or connection for a second.
    func send(_ frame: [UInt8]) throws -> Bool {
        while try socket.receive() != nil {}
        for _ in 0..<200 {
            if try socket.send(frame) == .sent { return true }
            while try socket.receive() != nil {}
            try poller.wait(milliseconds: 5)
        }
        return false
    }
}

/// A worker that does its work, without computing anything.
final class HonestWorker: Sendable {
    private let endpoint: String
    private let windows = Atomic(0)
    private let ended = Atomic(false)
    private let over = DispatchSemaphore(value: 0)

    init(_ endpoint: String) { self.endpoint = endpoint }

    /// Windows delivered so far.
    var done: Int { windows.load(ordering: .relaxed) }

    func start() {
        Thread { [self] in
            do {
                try run()
            } catch {
                fail("the honest worker: \(error)")
            }
            over.signal()
        }.start()
    }

    func stop() {
        ended.store(true, ordering: .relaxed)
        over.wait()
    }

    private func run() throws {
        let socket = try ZMQSocket(.dealer, context: ZMQContext())
        try socket.connect(try Endpoint(endpoint))
        let poller = ZMQPoller([socket], wakeUp: try WakeUp())
        func send(_ message: Message) throws {
            while try socket.send(message) != .sent { try poller.wait(milliseconds: 5) }
        }
        try send(
            .hello(
                Hello(
                    softwareVersion: "0", workerID: UUID(), name: "honest", host: "here", pid: 1, device: "none",
                    profile: "none", batch: 1)))
        var side = 0
        while !ended.load(ordering: .relaxed) {
            try poller.wait(milliseconds: 20)
            while let received = try socket.receive() {
                switch try received.message.get() {
                case .welcome: try send(.credit(Credit(windows: 1)))
                case .job(let job): side = Int(job.canvas.geometry.core)
                case .assign(let lease):
                    for window in lease.windows {
                        let pixels = [UInt8](repeating: 9, count: side * side * 3)
                        for chunk in WindowResult.chunks(
                            lease: lease.lease, epoch: lease.epoch, core: window.core, pixels: pixels, seconds: 0.1)
                        {
                            try send(.result(chunk))
                        }
                        windows.add(1, ordering: .relaxed)
                    }
                    // A little at a time, so that there is work as long as the attack lasts.
                    try poller.wait(milliseconds: 50)
                    try send(.credit(Credit(windows: lease.windows.count)))
                case .heartbeat: try send(.heartbeat(Heartbeat(steps: UInt64(done))))
                case .refuse(let refusal): fail("the honest worker was refused: \(refusal.reason)")
                default: break
                }
            }
        }
        try send(.bye(Bye(reason: "done")))
    }
}
