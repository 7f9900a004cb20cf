public import Foundation

/// Assemble a safetensors file in memory.
public struct SafetensorsWriter {
    private var header: [(name: String, type: ElementType, shape: [Int], count: Int)] = []
    private var contents = Data()
    private let metadata: [String: String]

    public init(metadata: [String: String] = [:]) {
        self.metadata = metadata
    }

    /// Append a tensor; values are rounded to the element type, to nearest.
    ///
    /// - Precondition: the shape's product is the number of values.
    public mutating func append(_ name: String, _ values: [Float], shape: [Int], as type: ElementType = .f32) {
        precondition(shape.reduce(1, *) == values.count, "the shape \(shape) does not hold \(values.count) values")
        header.append((name, type, shape, values.count * type.byteCount))
        for value in values {
            switch type {
            case .f32: withUnsafeBytes(of: value.bitPattern.littleEndian) { contents.append(contentsOf: $0) }
            case .f16: withUnsafeBytes(of: ElementType.half(value).littleEndian) { contents.append(contentsOf: $0) }
            case .bf16: withUnsafeBytes(of: ElementType.brain(value).littleEndian) { contents.append(contentsOf: $0) }
            }
        }
    }

    /// The file's bytes, its header padded to a multiple of eight.
    public func data() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var fields: [String] = []
        if !metadata.isEmpty {
            fields.append("\"__metadata__\":" + String(decoding: try encoder.encode(metadata), as: UTF8.self))
        }
        var offset = 0
        for (name, type, shape, count) in header {
            let key = String(decoding: try encoder.encode(name), as: UTF8.self)
            let sizes = shape.map(String.init).joined(separator: ",")
            fields.append(
                "\(key):{\"dtype\":\"\(type.rawValue)\",\"shape\":[\(sizes)],\"data_offsets\":[\(offset),\(offset + count)]}"
            )
            offset += count
        }
        var text = Data("{\(fields.joined(separator: ","))}".utf8)
        while text.count % 8 != 0 { text.append(0x20) }
        var file = withUnsafeBytes(of: UInt64(text.count).littleEndian) { Data($0) }
        file.append(text)
        file.append(contents)
        return file
    }
}
