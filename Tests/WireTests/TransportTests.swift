import Foundation
import Testing
import Wire

@Suite("Transport")
struct TransportTests {
    private static func options() -> ZMQOptions {
        var options = ZMQOptions()
        options.linger = 0
        return options
    }

    private struct Late: Error {}

    /// Wait for the next message of `socket`.
    private func next(_ socket: ZMQSocket, _ poller: ZMQPoller) throws -> (PeerID?, Message) {
        let deadline = ContinuousClock.now + .seconds(30)
        while ContinuousClock.now < deadline {
            if let got = try socket.receive() { return (got.peer, try got.message.get()) }
            try poller.wait(milliseconds: 1000)
        }
        throw Late()
    }

    /// Send, waiting for the connection.
    private func send(_ message: Message, _ socket: ZMQSocket, _ poller: ZMQPoller) throws {
        while try socket.send(message) == .wouldBlock { try poller.wait(milliseconds: 5) }
    }

    @Test("A dealer and a router exchange messages; a peer that left is unroutable")
    func exchange() throws {
        let context = try ZMQContext()
        let router = try ZMQSocket(.router, context: context, options: Self.options())
        let endpoint = try router.bind(Endpoint("tcp://127.0.0.1:*"))
        #expect(endpoint.port != nil)
        let poller = ZMQPoller([router], wakeUp: try WakeUp())
        var random = SeededGenerator(seed: 77)
        let messages = sampleMessages(&random)
        let peer: PeerID
        do {
            let dealer = try ZMQSocket(.dealer, context: context, options: Self.options())
            try dealer.connect(endpoint)
            let dealerPoller = ZMQPoller([dealer], wakeUp: try WakeUp())
            try send(messages[0], dealer, dealerPoller)
            let first = try next(router, poller)
            #expect(first.1 == messages[0])
            peer = try #require(first.0)
            for message in messages {
                #expect(try router.send(message, to: peer) == .sent)
                let echo = try next(dealer, dealerPoller)
                #expect(echo.0 == nil)
                #expect(echo.1 == message)
                try send(echo.1, dealer, dealerPoller)
                #expect(try next(router, poller).1 == message)
            }
        }
        var outcome = SendOutcome.sent
        while outcome != .unroutable {
            outcome = try router.send(messages[3], to: peer)
            try poller.wait(milliseconds: 5)
        }
        #expect(try router.send(messages[3], to: PeerID(bytes: [0, 1, 2, 3, 4])) == .unroutable)
    }

    @Test("A peer that reads nothing blocks its sender, and nobody waits")
    func backpressure() throws {
        let context = try ZMQContext()
        var options = Self.options()
        options.sendHighWaterMark = 2
        options.receiveHighWaterMark = 2
        let router = try ZMQSocket(.router, context: context, options: options)
        let endpoint = try router.bind(Endpoint("127.0.0.1:0"))
        let dealer = try ZMQSocket(.dealer, context: context, options: options)
        try dealer.connect(endpoint)
        let poller = ZMQPoller([router, dealer], wakeUp: try WakeUp())
        try send(.bye(Bye(reason: "")), dealer, poller)
        let peer = try #require(try next(router, poller).0)
        let frame = [UInt8](repeating: 0, count: Limits.chunk)
        var outcome = SendOutcome.sent
        var sent = 0
        while outcome == .sent, sent < 10_000 {
            outcome = try router.send(frame, to: peer)
            sent += 1
        }
        #expect(outcome == .wouldBlock)
    }

    @Test("A frame beyond the limit disconnects its sender; others go on")
    func oversized() throws {
        let context = try ZMQContext()
        let router = try ZMQSocket(.router, context: context, options: Self.options())
        let endpoint = try router.bind(Endpoint("127.0.0.1:0"))
        let poller = ZMQPoller([router], wakeUp: try WakeUp())
        let bad = try ZMQSocket(.dealer, context: context, options: Self.options())
        let good = try ZMQSocket(.dealer, context: context, options: Self.options())
        try bad.connect(endpoint)
        try good.connect(endpoint)
        while try bad.send([UInt8](repeating: 0, count: Limits.message + 1)) == .wouldBlock {
            try poller.wait(milliseconds: 5)
        }
        try send(.credit(Credit(windows: 3)), good, poller)
        #expect(try next(router, poller).1 == .credit(Credit(windows: 3)))
    }

    @Test("What is no message is told with its sender, and what follows is read")
    func malformed() throws {
        let context = try ZMQContext()
        let router = try ZMQSocket(.router, context: context, options: Self.options())
        let endpoint = try router.bind(Endpoint("127.0.0.1:0"))
        let poller = ZMQPoller([router], wakeUp: try WakeUp())
        let dealer = try ZMQSocket(.dealer, context: context, options: Self.options())
        try dealer.connect(endpoint)
        while try dealer.send([1, 2, 3]) == .wouldBlock { try poller.wait(milliseconds: 5) }
        try send(.credit(Credit(windows: 3)), dealer, poller)
        var received: [Received] = []
        let deadline = ContinuousClock.now + .seconds(30)
        while received.count < 2, ContinuousClock.now < deadline {
            if let got = try router.receive() { received.append(got) } else { try poller.wait(milliseconds: 1000) }
        }
        #expect(received.map(\.message) == [.failure(.malformed(bytes: 3)), .success(.credit(Credit(windows: 3)))])
        #expect(received.allSatisfy { $0.peer != nil && $0.peer == received[0].peer })
    }

    @Test("An address in use is an error that names it and the way out")
    func addressInUse() throws {
        let context = try ZMQContext()
        let first = try ZMQSocket(.router, context: context, options: Self.options())
        let endpoint = try first.bind(Endpoint("tcp://127.0.0.1:*"))
        let second = try ZMQSocket(.router, context: context, options: Self.options())
        do {
            _ = try second.bind(endpoint)
            Issue.record("bound twice")
        } catch let error as TransportError {
            #expect(error.description.contains(endpoint.description))
            #expect(error.description.contains("another port"))
        }
        #expect(throws: TransportError.self) { try second.bind(Endpoint("tcp://no.such.host.invalid:5555")) }
    }

    @Test("Another thread ends a wait")
    func wakeUp() throws {
        let wakeUp = try WakeUp()
        let poller = ZMQPoller([], wakeUp: wakeUp)
        let thread = Thread { for _ in 0..<3 { wakeUp.wake() } }
        thread.start()
        #expect(try poller.wait(milliseconds: 30_000))
    }

    @Test(
        "Endpoints are parsed, and loopback is told from the rest",
        arguments: [
            ("tcp://127.0.0.1:5555", true), ("127.9.9.9:1", true), ("tcp://localhost:*", true), ("tcp://[::1]:5", true),
            ("tcp://[::ffff:127.0.0.1]:5", true), ("tcp://*:5555", false), ("tcp://0.0.0.0:5555", false),
            ("tcp://10.0.0.1:5555", false), ("tcp://[::]:5", false), ("tcp://localhost.example.org:5", false),
            ("tcp://127.0.0.1.example.org:5", false), ("tcp://eth0:5", false),
        ])
    func loopback(text: String, expected: Bool) throws {
        #expect(try Endpoint(text).isLoopback == expected)
    }

    @Test(
        "What is no endpoint is refused",
        arguments: [
            "", "tcp://", "tcp://host", "ipc://x", "tcp://:5", "tcp://a:70000", "tcp://a:x", "tcp://::1:5", "a b:5",
        ])
    func notEndpoints(text: String) {
        #expect(throws: EndpointError.self) { try Endpoint(text) }
    }
}
