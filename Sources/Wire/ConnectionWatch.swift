internal import CTesseraWire
internal import CZMQ
internal import Foundation

/// Finds connections that send and send without ever completing a message.
///
/// ZeroMQ gathers the frames of one message, however many, before anyone sees it. So a connection that has received more
/// than a limit since its last whole message, while messages that it completed before had time to be read, is one
/// to cut. It belongs to the socket's thread.
public final class ConnectionWatch {
    private struct Entry {
        var baseline: UInt64
        var delivered = false
    }

    private let observed: UnsafeMutableRawPointer
    private let events: UnsafeMutableRawPointer
    private let socket: ZMQSocket
    private let limit: UInt64
    private var entries: [ConnectionID: Entry] = [:]

    /// - Parameter limit: Bytes without a whole message; far above what may wait unread, and above a message.
    public init(_ socket: ZMQSocket, context: ZMQContext, limit: Int = 32 << 20) throws {
        let address = "inproc://connections-\(UUID().uuidString)"
        guard zmq_socket_monitor(socket.pointer, address, ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED) == 0,
            let events = zmq_socket(context.pointer, ZMQ_PAIR)
        else { throw TransportError.last("watch connections") }
        observed = socket.pointer
        self.events = events
        self.socket = socket
        self.limit = UInt64(max(limit, 0))
        // ZeroMQ's own thread would wait for room.
        var unlimited: Int32 = 0
        zmq_setsockopt(events, ZMQ_RCVHWM, &unlimited, MemoryLayout<Int32>.size)
        guard zmq_connect(events, address) == 0 else { throw TransportError.last("watch connections") }
    }

    deinit {
        zmq_socket_monitor(observed, nil, 0)
        zmq_close(events)
    }

    /// Note that a whole message came.
    public func delivered(_ connection: ConnectionID) { entries[connection]?.delivered = true }

    /// The connections there are.
    public var count: Int { entries.count }

    /// Return the connections to cut; call it about once a second.
    ///
    /// - Complexity: O(connections), a system call each.
    public func sweep() -> [ConnectionID] {
        takeEvents()
        var guilty: [ConnectionID] = []
        for (connection, entry) in entries {
            let received = tessera_tcp_received(connection.descriptor)
            if entry.delivered || received < entry.baseline {
                entries[connection] = Entry(baseline: received)
            } else if received - entry.baseline > limit {
                guilty.append(connection)
            }
        }
        return guilty
    }

    private func takeEvents() {
        var frame = [UInt8](repeating: 0, count: 512)
        while zmq_recv(events, &frame, frame.count, ZMQ_DONTWAIT) >= 6 {
            let event = Int32(frame[0]) | Int32(frame[1]) << 8
            let value = frame[2..<6].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            while zmq_recv(events, &frame, frame.count, ZMQ_DONTWAIT) < 0, zmq_errno() == EINTR {}
            let connection = ConnectionID(descriptor: Int32(bitPattern: value))
            entries[connection] = event == ZMQ_EVENT_ACCEPTED ? Entry(baseline: 0) : nil
        }
    }
}
