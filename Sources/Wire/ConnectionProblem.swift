internal import CZMQ
internal import Foundation

/// Why a connecting socket has no connection.
public enum ConnectionProblem: Hashable, Sendable, CustomStringConvertible {
    /// There was one, and it ended.
    case lost
    /// The server knows the client's key and does not let it in.
    case notAllowed
    /// One side speaks CURVE, the other does not.
    case otherMechanism
    /// The server hung up in the middle: the client has no keys, or asked for another server's.
    case hungUp

    public var description: String {
        switch self {
        case .lost: "the connection was lost"
        case .notAllowed:
            "the coordinator does not let this key in: `tessera workers allow KEY` there, with this worker's public key"
        case .otherMechanism:
            "one side asks for keys and the other does not: give both or none of --key and --server-key"
        case .hungUp:
            "the coordinator hung up during the handshake: it asks for keys where none were given, or --server-key is not "
                + "the public key of the one at this address"
        }
    }
}

/// Hears of a socket's connections and handshakes that fail; it belongs to the socket's thread.
final class ProblemMonitor {
    private let observed: UnsafeMutableRawPointer
    private let events: UnsafeMutableRawPointer

    init(of socket: UnsafeMutableRawPointer, context: ZMQContext) throws {
        let address = "inproc://problems-\(UUID().uuidString)"
        let wanted =
            ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL
            | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_DISCONNECTED
        guard zmq_socket_monitor(socket, address, wanted) == 0, let events = zmq_socket(context.pointer, ZMQ_PAIR)
        else { throw TransportError.last("watch a connection") }
        observed = socket
        self.events = events
        // ZeroMQ's own thread would wait for room.
        var unlimited: Int32 = 0
        zmq_setsockopt(events, ZMQ_RCVHWM, &unlimited, MemoryLayout<Int32>.size)
        guard zmq_connect(events, address) == 0 else { throw TransportError.last("watch a connection") }
    }

    deinit {
        zmq_socket_monitor(observed, nil, 0)
        zmq_close(events)
    }

    /// Return the next problem; nil where there is no more.
    func next() -> ConnectionProblem? {
        var frame = [UInt8](repeating: 0, count: 512)
        while zmq_recv(events, &frame, frame.count, ZMQ_DONTWAIT) >= 2 {
            let event = Int32(frame[0]) | Int32(frame[1]) << 8
            while zmq_recv(events, &frame, frame.count, ZMQ_DONTWAIT) < 0, zmq_errno() == EINTR {}
            switch event {
            case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH: return .notAllowed
            case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL: return .otherMechanism
            case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL: return .hungUp
            case ZMQ_EVENT_DISCONNECTED: return .lost
            default: continue
            }
        }
        return nil
    }
}
