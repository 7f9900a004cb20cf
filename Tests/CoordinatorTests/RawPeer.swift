import Foundation

/// Speaks ZMTP 3.0 with the NULL mechanism by hand (rfc.zeromq.org/spec/23), to say what no ZeroMQ library would.
final class RawPeer {
    private let descriptor: Int32

    init?(port: UInt16) {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { return nil }
        let mechanism = Array("NULL".utf8) + [UInt8](repeating: 0, count: 16)
        let greeting = [0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F, 3, 0] + mechanism + [UInt8](repeating: 0, count: 32)
        let property = [11] + Array("Socket-Type".utf8) + [0, 0, 0, 6] + Array("DEALER".utf8)
        let ready = [5] + Array("READY".utf8) + property
        guard send(greeting), send([4, UInt8(ready.count)] + ready) else { return nil }
    }

    deinit { close(descriptor) }

    /// Send one frame of a message that goes on; false where the connection has ended.
    func sendPart(_ bytes: [UInt8]) -> Bool {
        let length = withUnsafeBytes(of: UInt64(bytes.count).bigEndian) { Array($0) }
        return send([3] + length + bytes)
    }

    private func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count <= 0 { return false }
            sent += count
        }
        return true
    }
}
