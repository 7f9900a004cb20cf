internal import CZMQ
internal import Foundation

/// A ZeroMQ context: the I/O threads that serve its sockets.
///
/// Sockets keep their context alive; it ends with the last of them.
// @unchecked: libzmq documents contexts as safe to use from any thread, and the pointer never changes.
public final class ZMQContext: @unchecked Sendable {
    let pointer: UnsafeMutableRawPointer

    /// - Parameter ioThreads: One per GB/s of traffic.
    /// - Throws: `TransportError` where the process has no file descriptors left.
    public init(ioThreads: Int = 1) throws {
        guard let pointer = zmq_ctx_new() else { throw TransportError.last("create a ZeroMQ context") }
        self.pointer = pointer
        zmq_ctx_set(pointer, ZMQ_IO_THREADS, Int32(clamping: max(ioThreads, 1)))
        // Sockets inherit it: a context never waits for messages that nobody reads.
        zmq_ctx_set(pointer, ZMQ_BLOCKY, 0)
    }

    deinit {
        while zmq_ctx_term(pointer) != 0, zmq_errno() == EINTR {}
    }
}
