/// Own a block of bytes, aligned to a cache line and zero at first.
final class ByteBuffer {
    let pointer: UnsafeMutableRawPointer
    let count: Int

    init(count: Int) {
        self.count = count
        pointer = .allocate(byteCount: max(count, 1), alignment: 64)
        pointer.initializeMemory(as: UInt8.self, repeating: 0, count: count)
    }

    deinit {
        pointer.deallocate()
    }
}

/// Own a block of floats, aligned to a cache line and zero at first.
final class FloatBuffer {
    let pointer: UnsafeMutablePointer<Float>
    let count: Int
    private let bytes: ByteBuffer

    init(count: Int) {
        self.count = count
        bytes = ByteBuffer(count: count * MemoryLayout<Float>.stride)
        pointer = bytes.pointer.bindMemory(to: Float.self, capacity: max(count, 1))
    }

    convenience init(_ values: [Float]) {
        self.init(count: values.count)
        values.withUnsafeBufferPointer { source in
            if let base = source.baseAddress { pointer.update(from: base, count: source.count) }
        }
    }
}
