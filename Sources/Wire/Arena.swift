internal import CTesseraWire
internal import Foundation

/// The memory that C structs point to while a message is packed.
final class Arena {
    private var blocks: [UnsafeMutableRawPointer] = []

    deinit {
        for block in blocks { block.deallocate() }
    }

    private func allocate(_ count: Int, alignment: Int = 16) -> UnsafeMutableRawPointer {
        let block = UnsafeMutableRawPointer.allocate(byteCount: max(count, 1), alignment: alignment)
        blocks.append(block)
        return block
    }

    func string(_ text: String) -> UnsafeMutablePointer<CChar> {
        let utf8 = Array(text.utf8)
        let block = allocate(utf8.count + 1)
        block.copyMemory(from: utf8, byteCount: utf8.count)
        block.storeBytes(of: 0, toByteOffset: utf8.count, as: UInt8.self)
        return block.assumingMemoryBound(to: CChar.self)
    }

    func data(_ bytes: [UInt8]) -> ProtobufCBinaryData {
        let block = allocate(bytes.count)
        block.copyMemory(from: bytes, byteCount: bytes.count)
        return ProtobufCBinaryData(len: bytes.count, data: block.assumingMemoryBound(to: UInt8.self))
    }

    func array<Element: BitwiseCopyable>(_ elements: [Element]) -> UnsafeMutablePointer<Element> {
        let block = allocate(elements.count * MemoryLayout<Element>.stride)
        let array = block.bindMemory(to: Element.self, capacity: elements.count)
        array.initialize(from: elements, count: elements.count)
        return array
    }

    /// Store a struct, initialised by protobuf-c and filled by `fill`, and return where.
    func make<Body: BitwiseCopyable>(
        _ initialize: (UnsafeMutablePointer<Body>) -> Void, _ fill: (inout Body) -> Void
    ) -> UnsafeMutablePointer<Body> {
        let body = allocate(MemoryLayout<Body>.size).bindMemory(to: Body.self, capacity: 1)
        initialize(body)
        fill(&body.pointee)
        return body
    }
}
