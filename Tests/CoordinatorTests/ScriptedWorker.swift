import Foundation
import Testing
import Wire

/// A worker that says just what a test tells it to say; it belongs to the thread that made it.
final class ScriptedWorker {
    private let socket: ZMQSocket
    private let poller: ZMQPoller

    init(_ endpoint: String, security: Security = .none) throws {
        var options = ZMQOptions()
        options.security = security
        options.linger = 0
        socket = try ZMQSocket(.dealer, context: ZMQContext(), options: options)
        try socket.watchConnection()
        try socket.connect(try Endpoint(endpoint))
        poller = ZMQPoller([socket], wakeUp: try WakeUp())
    }

    static func hello(version: Int = Message.protocolVersion, profile: String = "test/1", batch: Int = 1) -> Hello {
        Hello(
            protocolVersion: version, softwareVersion: "0", workerID: UUID(), name: "scripted", host: "here", pid: 1,
            device: "none", profile: profile, batch: batch)
    }

    func send(_ message: Message) throws { try sendRaw(message.encoded()) }

    func sendRaw(_ frame: [UInt8]) throws {
        let deadline = ContinuousClock.now + .seconds(20)
        while try socket.send(frame) != .sent {
            try #require(ContinuousClock.now < deadline, "no connection")
            _ = try poller.wait(milliseconds: 10)
        }
    }

    /// Send where there is room or a connection within a second; returns whether there was.
    func trySend(_ frame: [UInt8]) throws -> Bool {
        for _ in 0..<100 {
            if try socket.send(frame) == .sent { return true }
            _ = try poller.wait(milliseconds: 10)
        }
        return false
    }

    /// Wait until it turns out that this worker is not let in.
    func handshakeProblem() throws -> ConnectionProblem? {
        let deadline = ContinuousClock.now + .seconds(20)
        while ContinuousClock.now < deadline {
            while try socket.receive() != nil {}
            if let problem = socket.connectionProblem(), problem != .lost { return problem }
            _ = try poller.wait(milliseconds: 10)
        }
        return nil
    }

    /// Wait for the next message that `pick` takes, passing over others.
    func receive<Value>(_ pick: (Message) -> Value?) throws -> Value {
        let deadline = ContinuousClock.now + .seconds(20)
        while ContinuousClock.now < deadline {
            while let received = try socket.receive() {
                if let value = pick(try received.message.get()) { return value }
            }
            _ = try poller.wait(milliseconds: 100)
        }
        throw Silence()
    }

    struct Silence: Error {}
}

/// A folder that goes when the test ends.
final class Folder {
    let url = FileManager.default.temporaryDirectory.appending(path: "tessera-\(UUID().uuidString)")

    deinit { try? FileManager.default.removeItem(at: url) }
}
