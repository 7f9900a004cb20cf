internal import CZMQ
internal import Foundation

/// Answers ZeroMQ's question who may connect (ZAP, RFC 27) for the `Security.server` sockets of a context.
///
/// It fails closed: such sockets insist on an answer, so without a gate, or after its end, nobody gets in. Make it before
/// the socket listens.
public final class CurveGate: Sendable {
    private static let address = "inproc://zeromq.zap.01"
    static let domain = "tessera"

    private let wakeUp: WakeUp
    private let ended = DispatchSemaphore(value: 0)

    /// - Parameter admits: Asked for each connection, on a thread of the gate's own.
    /// - Throws: `TransportError` where the context has a gate already.
    public init(context: ZMQContext, admits: @escaping @Sendable (CurveKey) -> Bool) throws {
        wakeUp = try WakeUp()
        guard let socket = zmq_socket(context.pointer, ZMQ_REP) else { throw TransportError.last("create a socket") }
        guard zmq_bind(socket, Self.address) == 0 else {
            let error = TransportError.last("answer who may connect", endpoint: Self.address)
            zmq_close(socket)
            throw error
        }
        // The thread is the socket's only user from here on; starting it is a full fence.
        nonisolated(unsafe) let handedOver = socket
        let thread = Thread { [wakeUp, ended] in
            Self.answer(handedOver, wakeUp, admits)
            zmq_close(handedOver)
            withExtendedLifetime(context) { _ = ended.signal() }
        }
        thread.name = "tessera.gate"
        thread.start()
    }

    deinit {
        wakeUp.wake()
        ended.wait()
    }

    private static func answer(
        _ socket: UnsafeMutableRawPointer, _ wakeUp: WakeUp, _ admits: (CurveKey) -> Bool
    ) {
        var items = [
            zmq_pollitem_t(socket: nil, fd: wakeUp.descriptor, events: Int16(ZMQ_POLLIN), revents: 0),
            zmq_pollitem_t(socket: socket, fd: 0, events: Int16(ZMQ_POLLIN), revents: 0),
        ]
        while true {
            guard zmq_poll(&items, 2, -1) >= 0 || zmq_errno() == EINTR else { return }
            if wakeUp.clear() { return }
            while let request = receive(socket) { reply(to: request, socket, admits) }
        }
    }

    /// Return the frames of a request; nil where none waits.
    private static func receive(_ socket: UnsafeMutableRawPointer) -> [[UInt8]]? {
        var frames: [[UInt8]] = []
        var frame = [UInt8](repeating: 0, count: 256)
        var more = true
        while more {
            let count = zmq_recv(socket, &frame, frame.count, ZMQ_DONTWAIT)
            guard count >= 0 else {
                if zmq_errno() == EINTR { continue }
                return nil
            }
            frames.append(Array(frame.prefix(Int(count))))
            var option: Int32 = 0
            var size = MemoryLayout<Int32>.size
            more = zmq_getsockopt(socket, ZMQ_RCVMORE, &option, &size) == 0 && option != 0
        }
        return frames
    }

    /// Version, request id, domain, address, identity, mechanism, and the client's public key.
    private static func reply(
        to request: [[UInt8]], _ socket: UnsafeMutableRawPointer, _ admits: (CurveKey) -> Bool
    ) {
        let version = Array("1.0".utf8)
        let key = request.count == 7 ? CurveKey(bytes: request[6]) : nil
        let isOurs =
            request.count == 7 && request[0] == version && request[2] == Array(domain.utf8)
            && request[5] == Array("CURVE".utf8)
        let admitted = isOurs && key.map(admits) == true
        let user = admitted ? key?.description ?? "" : ""
        let frames = [
            version, request.count > 1 ? request[1] : [], Array((admitted ? "200" : "400").utf8),
            Array((admitted ? "OK" : "not allowed").utf8), Array(user.utf8), [],
        ]
        for (index, frame) in frames.enumerated() {
            let flags = index < frames.count - 1 ? ZMQ_SNDMORE : 0
            while zmq_send(socket, frame, frame.count, flags) < 0, zmq_errno() == EINTR {}
        }
    }
}
