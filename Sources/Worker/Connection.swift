internal import Wire

/// A socket to the coordinator, and what waits to be sent on it.
final class Connection {
    private let socket: ZMQSocket
    private let poller: ZMQPoller
    private var outbox: [[UInt8]] = []
    private var sent = 0

    /// Nothing waits to be sent.
    var isFlushed: Bool { sent == outbox.count }

    init(_ endpoint: Endpoint, security: Security, context: ZMQContext, wakeUp: WakeUp) throws {
        var options = ZMQOptions()
        options.security = security
        socket = try ZMQSocket(.dealer, context: context, options: options)
        try socket.watchConnection()
        try socket.connect(endpoint)
        poller = ZMQPoller([socket], wakeUp: wakeUp)
    }

    /// Send a message, or keep it until there is room; its size is bounded by the credits that were granted.
    func send(_ message: Message) throws {
        outbox.append(try message.encoded())
        try flush()
    }

    func flush() throws {
        while sent < outbox.count, try socket.send(outbox[sent]) == .sent { sent += 1 }
        guard sent > 0, isFlushed || sent >= 64 else { return }
        outbox.removeFirst(sent)
        sent = 0
    }

    /// Drop what waits: it concerns leases that are lost.
    func abandon() {
        outbox = []
        sent = 0
        try? socket.abandon()
    }

    /// Why there is no connection, if that has turned out since the last call.
    func problem() -> ConnectionProblem? { socket.connectionProblem() }

    func receive() throws -> Message? {
        try socket.receive()?.message.get()
    }

    /// Wait for a message, a wake-up, room to send or the time.
    func wait(milliseconds: Int) throws {
        try poller.wait(milliseconds: isFlushed ? milliseconds : min(milliseconds, 5))
    }
}
