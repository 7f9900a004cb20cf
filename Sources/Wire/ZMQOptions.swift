internal import CZMQ

/// How a socket behaves; times in milliseconds.
public struct ZMQOptions: Hashable, Sendable {
    /// How long closing waits for messages that are not sent yet.
    public var linger = 1000
    /// Messages that may wait for one peer: a backstop behind the credits.
    public var sendHighWaterMark = 64
    public var receiveHighWaterMark = 64
    /// The longest frame that is accepted; a peer that sends a longer one is disconnected.
    public var maximumMessage = Limits.message
    /// How long a peer may take to say who it is.
    public var handshakeTimeout = 10_000
    /// ZeroMQ's own heartbeats notice a machine that is gone; what hangs is noticed by `Heartbeat` messages. The
    /// timeout ends only when a whole frame has come: it is far above a frame's time on a slow line.
    public var heartbeatInterval = 5_000
    public var heartbeatTimeout = 60_000
    public var reconnectInterval = 100
    public var reconnectMaximum = 5_000
    public var security = Security.none

    public init() {}
}

extension ZMQSocket {
    func set(_ option: Int32, _ value: Int32) throws {
        var value = value
        guard zmq_setsockopt(pointer, option, &value, MemoryLayout<Int32>.size) == 0 else {
            throw TransportError.last("set socket option \(option)")
        }
    }

    func apply(_ options: ZMQOptions) throws {
        try set(ZMQ_LINGER, Int32(clamping: options.linger))
        try set(ZMQ_SNDHWM, Int32(clamping: options.sendHighWaterMark))
        try set(ZMQ_RCVHWM, Int32(clamping: options.receiveHighWaterMark))
        var maximum = Int64(options.maximumMessage)
        guard zmq_setsockopt(pointer, ZMQ_MAXMSGSIZE, &maximum, MemoryLayout<Int64>.size) == 0 else {
            throw TransportError.last("set the maximum message size")
        }
        try set(ZMQ_HANDSHAKE_IVL, Int32(clamping: options.handshakeTimeout))
        try set(ZMQ_HEARTBEAT_IVL, Int32(clamping: options.heartbeatInterval))
        try set(ZMQ_HEARTBEAT_TIMEOUT, Int32(clamping: options.heartbeatTimeout))
        try set(ZMQ_RECONNECT_IVL, Int32(clamping: options.reconnectInterval))
        try set(ZMQ_RECONNECT_IVL_MAX, Int32(clamping: options.reconnectMaximum))
        switch kind {
        case .router: try set(ZMQ_ROUTER_MANDATORY, 1)
        // Messages wait for a connection in the program, where they can be dropped, not in the library.
        case .dealer: try set(ZMQ_IMMEDIATE, 1)
        }
        try apply(options.security)
    }

    private func apply(_ security: Security) throws {
        switch security {
        case .none: break
        case .server(let pair):
            try set(ZMQ_CURVE_SERVER, 1)
            try set(ZMQ_CURVE_SECRETKEY, pair.secret.bytes)
            try set(ZMQ_ZAP_DOMAIN, Array(CurveGate.domain.utf8))
            // Without it, a missing gate would let everyone in who knows the server's public key.
            try set(ZMQ_ZAP_ENFORCE_DOMAIN, 1)
        case .client(let pair, let server):
            try set(ZMQ_CURVE_SERVERKEY, server.bytes)
            try set(ZMQ_CURVE_PUBLICKEY, pair.publicKey.bytes)
            try set(ZMQ_CURVE_SECRETKEY, pair.secret.bytes)
        }
    }

    private func set(_ option: Int32, _ value: [UInt8]) throws {
        guard zmq_setsockopt(pointer, option, value, value.count) == 0 else {
            throw TransportError.last("set socket option \(option)")
        }
    }
}
