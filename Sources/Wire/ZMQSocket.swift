internal import CZMQ
internal import Foundation

/// The id that a ROUTER gave to a connected peer; it lasts as long as the connection.
public struct PeerID: Hashable, Sendable, CustomStringConvertible {
    public let bytes: [UInt8]

    public init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    public var description: String { bytes.map { String(format: "%02x", $0) }.joined() }
}

/// What became of a message that was to be sent without waiting.
public enum SendOutcome: Hashable, Sendable {
    case sent
    /// No such peer is connected any more.
    case unroutable
    /// The peer's queue is full, or no peer is connected yet: try again later.
    case wouldBlock
}

/// A message that came in, or what is wrong with it.
public struct Received: Hashable, Sendable {
    /// Who sent it, on a ROUTER.
    public let peer: PeerID?
    public let message: Result<Message, WireError>
    /// Bytes of the frame.
    public let size: Int
    /// The public key that the sender proved to have, where the socket asks for one.
    public let key: CurveKey?
    /// The sender's connection, to cut it off; where the sender is gone, it may be another's by now.
    public let connection: ConnectionID

    init(peer: PeerID?, message: Result<Message, WireError>, origin: Origin) {
        self.peer = peer
        self.message = message
        (size, key, connection) = (origin.size, origin.key, origin.connection)
    }

    struct Origin {
        var size = 0
        var key: CurveKey?
        var connection = ConnectionID(descriptor: -1)
    }
}

/// A connection that a socket has accepted.
public struct ConnectionID: Hashable, Sendable {
    let descriptor: Int32
}

/// A ROUTER or DEALER socket.
///
/// A socket belongs to the thread that created it: it is not `Sendable`, and every call must come from there.
/// No call blocks; `ZMQPoller` waits.
public final class ZMQSocket {
    public enum Kind: Hashable, Sendable {
        /// Many peers, addressed by `PeerID`.
        case router
        /// One peer.
        case dealer
    }

    public let kind: Kind
    let pointer: UnsafeMutableRawPointer
    /// Keeps the context until the socket is closed.
    private let context: ZMQContext
    private let asksForKeys: Bool
    private var monitor: ProblemMonitor?

    public init(_ kind: Kind, context: ZMQContext, options: ZMQOptions = ZMQOptions()) throws {
        self.kind = kind
        self.context = context
        guard let pointer = zmq_socket(context.pointer, kind == .router ? ZMQ_ROUTER : ZMQ_DEALER) else {
            throw TransportError.last("create a socket")
        }
        self.pointer = pointer
        if case .server = options.security { asksForKeys = true } else { asksForKeys = false }
        try apply(options)
    }

    deinit {
        monitor = nil
        zmq_close(pointer)
    }

    /// Drop what is not sent yet when the socket is closed, rather than trying for a while.
    public func abandon() throws {
        try set(ZMQ_LINGER, 0)
    }

    /// Listen on an endpoint, and return it with the port that was taken.
    ///
    /// - Throws: `TransportError` where the address is in use, not of this machine or not permitted.
    public func bind(_ endpoint: Endpoint) throws -> Endpoint {
        try set(ZMQ_IPV6, endpoint.isIPv6 ? 1 : 0)
        guard zmq_bind(pointer, endpoint.description) == 0 else {
            throw TransportError.last("listen on", endpoint: endpoint.description)
        }
        var text = [CChar](repeating: 0, count: 1024)
        var count = text.count
        guard zmq_getsockopt(pointer, ZMQ_LAST_ENDPOINT, &text, &count) == 0 else {
            throw TransportError.last("ask for the address of", endpoint: endpoint.description)
        }
        return try Endpoint(String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self))
    }

    /// Connect to an endpoint, now and again whenever the connection is lost.
    ///
    /// - Throws: `TransportError` where the endpoint has no port or an impossible host. A host that does not answer,
    ///   or a name that cannot be resolved at the moment, is no error: ZeroMQ goes on trying.
    public func connect(_ endpoint: Endpoint) throws {
        guard endpoint.port != nil else {
            throw EndpointError(text: endpoint.description, problem: "a port is needed to connect to")
        }
        try set(ZMQ_IPV6, 1)
        guard zmq_connect(pointer, endpoint.description) == 0 else {
            throw TransportError.last("connect to", endpoint: endpoint.description)
        }
    }

    /// Take note of failures, for `connectionProblem`; call it before `connect`.
    public func watchConnection() throws {
        monitor = try ProblemMonitor(of: pointer, context: context)
    }

    /// Return what is wrong with the connection, if something has failed since the last call: a refusal rather than the
    /// loss that goes with it.
    public func connectionProblem() -> ConnectionProblem? {
        var found: ConnectionProblem?
        while let problem = monitor?.next() {
            if found == nil || problem != .lost { found = problem }
        }
        return found
    }

    /// Send a frame to a peer of a ROUTER.
    public func send(_ frame: [UInt8], to peer: PeerID) throws -> SendOutcome {
        precondition(kind == .router, "a DEALER sends without an address")
        let outcome = try send(peer.bytes, flags: ZMQ_DONTWAIT | ZMQ_SNDMORE)
        guard outcome == .sent else { return outcome }
        return try send(frame, flags: ZMQ_DONTWAIT)
    }

    /// Send a frame to the peer of a DEALER.
    public func send(_ frame: [UInt8]) throws -> SendOutcome {
        precondition(kind == .dealer, "a ROUTER sends to an address")
        return try send(frame, flags: ZMQ_DONTWAIT)
    }

    private func send(_ frame: [UInt8], flags: Int32) throws -> SendOutcome {
        while true {
            if zmq_send(pointer, frame, frame.count, flags) >= 0 { return .sent }
            switch zmq_errno() {
            case EINTR: continue
            case EAGAIN: return .wouldBlock
            case EHOSTUNREACH: return .unroutable
            default: throw TransportError.last("send")
            }
        }
    }

    /// Cut a connection off; its peer may connect again where it is still let in.
    public static func cut(_ connection: ConnectionID) {
        // The descriptor stays ZeroMQ's: it sees the end, and closes. On one that is no socket this does nothing.
        if connection.descriptor >= 0 { _ = shutdown(connection.descriptor, Int32(SHUT_RDWR)) }
    }

    /// Receive and decode the next message; nil where none waits.
    ///
    /// - Throws: `TransportError` only: what is wrong with the message itself is in the result, beside its sender.
    public func receive() throws -> Received? {
        var peer: PeerID?
        var origin = Received.Origin()
        if kind == .router {
            guard let id = try receiveFrame(&origin, { PeerID(bytes: Array($0)) }) else { return nil }
            peer = id.value
            guard id.more else { return Received(peer: peer, message: .failure(.malformed(bytes: 0)), origin: origin) }
        }
        // The parts of a message arrive together: none can be missing after the first.
        guard let frame = try receiveFrame(&origin, Self.decode) else { return nil }
        guard frame.more else { return Received(peer: peer, message: frame.value, origin: origin) }
        var size = origin.size
        while let extra = try receiveFrame(&origin, { _ in }) {
            size += origin.size
            if !extra.more { break }
        }
        origin.size = size
        return Received(peer: peer, message: .failure(.malformed(bytes: size)), origin: origin)
    }

    private static func decode(_ frame: UnsafeRawBufferPointer) -> Result<Message, WireError> {
        do {
            return .success(try Message(decoding: frame))
        } catch let error as WireError {
            return .failure(error)
        } catch {
            return .failure(.malformed(bytes: frame.count))
        }
    }

    private func receiveFrame<Value>(
        _ origin: inout Received.Origin, _ body: (UnsafeRawBufferPointer) -> Value
    ) throws -> (value: Value, more: Bool)? {
        // Short frames lie inside the zmq_msg_t, so it must stay where it is.
        var message = zmq_msg_t()
        return try withUnsafeMutablePointer(to: &message) { message in
            zmq_msg_init(message)
            defer { zmq_msg_close(message) }
            while zmq_msg_recv(message, pointer, ZMQ_DONTWAIT) < 0 {
                switch zmq_errno() {
                case EINTR: continue
                case EAGAIN: return nil
                default: throw TransportError.last("receive")
                }
            }
            let bytes = UnsafeRawBufferPointer(start: zmq_msg_data(message), count: zmq_msg_size(message))
            origin.size = bytes.count
            origin.connection = ConnectionID(descriptor: zmq_msg_get(message, ZMQ_SRCFD))
            if asksForKeys, let user = zmq_msg_gets(message, "User-Id") {
                origin.key = try? CurveKey(String(cString: user))
            }
            return (body(bytes), zmq_msg_more(message) != 0)
        }
    }
}

extension ZMQSocket {
    public func send(_ message: Message, to peer: PeerID) throws -> SendOutcome {
        try send(message.encoded(), to: peer)
    }

    public func send(_ message: Message) throws -> SendOutcome {
        try send(message.encoded())
    }
}
