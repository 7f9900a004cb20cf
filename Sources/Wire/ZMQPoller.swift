internal import CZMQ
internal import Foundation

/// Waits until a socket has a message, or another thread calls.
public final class ZMQPoller {
    private var items: [zmq_pollitem_t] = []
    /// Keep what the items point to.
    private var sockets: [ZMQSocket] = []
    private let wakeUp: WakeUp

    /// - Parameter wakeUp: Ends a wait from another thread.
    public init(_ sockets: [ZMQSocket], wakeUp: WakeUp) {
        self.wakeUp = wakeUp
        replace(sockets)
    }

    /// Wait for other sockets from now on.
    public func replace(_ sockets: [ZMQSocket]) {
        self.sockets = sockets
        items = [zmq_pollitem_t(socket: nil, fd: wakeUp.descriptor, events: Int16(ZMQ_POLLIN), revents: 0)]
        items += sockets.map { zmq_pollitem_t(socket: $0.pointer, fd: 0, events: Int16(ZMQ_POLLIN), revents: 0) }
    }

    /// Wait until a socket can be read, `wake()` was called or the time is over; all calls of `wake()` until then are
    /// taken note of.
    ///
    /// - Parameter milliseconds: How long to wait; 0 only looks, negative waits for ever.
    /// - Returns: Whether `wake()` was called.
    @discardableResult
    public func wait(milliseconds: Int) throws -> Bool {
        let result = zmq_poll(&items, Int32(items.count), milliseconds)
        guard result >= 0 || zmq_errno() == EINTR else { throw TransportError.last("wait for messages") }
        return wakeUp.clear()
    }
}

/// Ends a `ZMQPoller`'s wait from any thread, and from signal handlers.
public final class WakeUp: Sendable {
    package let descriptor: Int32

    /// - Throws: `TransportError` where the process has no file descriptors left.
    public init() throws {
        descriptor = eventfd(0, Int32(EFD_NONBLOCK) | Int32(EFD_CLOEXEC))
        guard descriptor >= 0 else { throw TransportError(operation: "create an event descriptor", code: errno) }
    }

    deinit {
        close(descriptor)
    }

    /// End the wait that goes on, or the next one; safe at any time from any thread.
    public func wake() {
        // It fails only with the counter at its end, and then a call is waiting already.
        _ = eventfd_write(descriptor, 1)
    }

    /// Return whether `wake()` was called since the last time.
    func clear() -> Bool {
        var count: eventfd_t = 0
        return eventfd_read(descriptor, &count) == 0
    }
}
