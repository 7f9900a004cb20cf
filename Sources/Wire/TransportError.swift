internal import CZMQ
internal import Foundation

/// A socket operation that failed.
public struct TransportError: Error, Hashable, CustomStringConvertible {
    /// What was tried, as "bind".
    public let operation: String
    public let endpoint: String?
    /// The `errno` of ZeroMQ.
    public let code: Int32

    public init(operation: String, endpoint: String? = nil, code: Int32) {
        self.operation = operation
        self.endpoint = endpoint
        self.code = code
    }

    /// Return the error that the calling thread's last ZeroMQ call left.
    static func last(_ operation: String, endpoint: String? = nil) -> TransportError {
        TransportError(operation: operation, endpoint: endpoint, code: zmq_errno())
    }

    public var description: String {
        let place = endpoint.map { " \($0)" } ?? ""
        return "cannot \(operation)\(place): \(String(cString: zmq_strerror(code)))\(wayOut.map { "; \($0)" } ?? "")"
    }

    private var wayOut: String? {
        switch code {
        case EADDRINUSE:
            "another process listens there: stop it, or choose another port (0 or * takes a free one)"
        case EADDRNOTAVAIL, ENODEV:
            "this machine has no such address: check the host or interface name"
        case EACCES:
            "ports below 1024 need privileges: choose a higher one"
        case EINVAL, EPROTONOSUPPORT:
            "an endpoint looks like tcp://127.0.0.1:5555"
        case EMFILE:
            "too many open files: raise the limit (ulimit -n)"
        default:
            nil
        }
    }
}
