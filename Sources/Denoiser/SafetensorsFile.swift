public import Foundation

/// Read named tensors from a safetensors file.
///
/// Opening checks the whole layout: every tensor lies inside the file, has the size its shape and element type ask for,
/// and the tensors cover the data without overlap or gap. Values are converted only when they are asked for. The file
/// is read, not mapped, so that nobody can change it under a running renderer.
///
/// Format: https://huggingface.co/docs/safetensors ("Format").
public struct SafetensorsFile: Sendable {
    /// One tensor's place in the file.
    public struct Tensor: Sendable, Equatable {
        public let name: String
        public let type: ElementType
        public let shape: [Int]
        /// The byte range, from the first byte after the header.
        public let range: Range<Int>

        /// The product of the shape; 1 for a scalar.
        public var count: Int { range.count / type.byteCount }
    }

    /// The largest header that is read (the format's own limit).
    public static let maximumHeaderBytes = 100_000_000

    /// The tensors in the order of their data.
    public let tensors: [Tensor]
    /// The free-form strings under `__metadata__`.
    public let metadata: [String: String]

    private let index: [String: Int]
    private let contents: Data
    private let dataStart: Int

    /// Read and check a file.
    ///
    /// - Throws: ``SafetensorsError``, which names the tensor and the way out.
    public init(contentsOf url: URL) throws {
        try self.init(data: Self.read(url))
    }

    /// Check a file's bytes.
    ///
    /// - Throws: ``SafetensorsError``, which names the tensor and the way out.
    public init(data: Data) throws {
        let parsed = try data.withUnsafeBytes { raw in
            try Self.parse(raw.bindMemory(to: UInt8.self))
        }
        contents = data
        tensors = parsed.tensors
        metadata = parsed.metadata
        dataStart = parsed.dataStart
        index = Dictionary(uniqueKeysWithValues: zip(tensors.map(\.name), tensors.indices))
    }

    /// Find a tensor.
    ///
    /// - Throws: ``SafetensorsError`` if the file has no tensor of that name, or its shape is another.
    public func tensor(_ name: String, shape: [Int]? = nil) throws -> Tensor {
        guard let position = index[name] else {
            throw SafetensorsError(
                .missingTensor, tensor: name, "the file does not hold it",
                remedy: "Check that the file's configuration and weights belong together; export the model again.")
        }
        let tensor = tensors[position]
        if let shape, shape != tensor.shape {
            throw SafetensorsError(
                .wrongShape, tensor: name, "its shape is \(tensor.shape), \(shape) was expected",
                remedy: "Check that the file's configuration and weights belong together; export the model again.")
        }
        return tensor
    }

    /// Convert a tensor's values to `Float`, in row-major order.
    ///
    /// Every format widens exactly, subnormal numbers, infinities and NaN included.
    public func floats(_ name: String, shape: [Int]? = nil) throws -> [Float] {
        floats(of: try tensor(name, shape: shape))
    }

    private func floats(of tensor: Tensor) -> [Float] {
        contents.withUnsafeBytes { raw in
            let source = UnsafeRawBufferPointer(rebasing: raw[(dataStart + tensor.range.lowerBound)...])
            return [Float](unsafeUninitializedCapacity: tensor.count) { target, count in
                count = tensor.count
                switch tensor.type {
                case .f32:
                    for i in 0..<count {
                        let bits = UInt32(littleEndian: source.loadUnaligned(fromByteOffset: 4 * i, as: UInt32.self))
                        target[i] = Float(bitPattern: bits)
                    }
                case .f16:
                    for i in 0..<count {
                        let bits = UInt16(littleEndian: source.loadUnaligned(fromByteOffset: 2 * i, as: UInt16.self))
                        target[i] = ElementType.widen(half: bits)
                    }
                case .bf16:
                    for i in 0..<count {
                        let bits = UInt16(littleEndian: source.loadUnaligned(fromByteOffset: 2 * i, as: UInt16.self))
                        target[i] = ElementType.widen(brain: bits)
                    }
                }
            }
        }
    }
}

extension SafetensorsFile {
    /// Read a regular file whole; directories, devices and pipes are refused.
    public static func read(_ url: URL) throws(SafetensorsError) -> Data {
        let remedy = "Give the path of a .safetensors file that you may read."
        do {
            guard try url.resourceValues(forKeys: [.isRegularFileKey]).isRegularFile == true else {
                throw SafetensorsError(.unreadable, "“\(url.path)” is no regular file", remedy: remedy)
            }
            return try Data(contentsOf: url)
        } catch let error as SafetensorsError {
            throw error
        } catch {
            throw SafetensorsError(
                .unreadable, "“\(url.path)” cannot be read (\((error as NSError).localizedDescription))",
                remedy: remedy)
        }
    }

    private static func parse(
        _ bytes: UnsafeBufferPointer<UInt8>
    ) throws(SafetensorsError) -> (tensors: [Tensor], metadata: [String: String], dataStart: Int) {
        guard bytes.count >= 8 else {
            throw SafetensorsError(.truncated, "\(bytes.count) bytes are too few for the header's size")
        }
        var size: UInt64 = 0
        for i in 0..<8 { size |= UInt64(bytes[i]) << (8 * i) }
        guard size <= UInt64(maximumHeaderBytes) else {
            throw SafetensorsError(.headerTooLarge, "a header of \(size) bytes exceeds \(maximumHeaderBytes)")
        }
        guard size <= UInt64(bytes.count - 8) else {
            throw SafetensorsError(
                .truncated, "the header should have \(size) bytes, the file holds \(bytes.count - 8)")
        }
        let dataStart = 8 + Int(size)
        let header = try SafetensorsHeaderParser(UnsafeBufferPointer(rebasing: bytes[8..<dataStart]))
        return (try layout(header.entries, dataBytes: bytes.count - dataStart), header.metadata, dataStart)
    }

    /// Check that the entries cover the data exactly, and sort them by place.
    private static func layout(
        _ entries: [SafetensorsHeaderParser.Entry], dataBytes: Int
    ) throws(SafetensorsError) -> [Tensor] {
        var tensors: [Tensor] = []
        tensors.reserveCapacity(entries.count)
        for entry in entries {
            guard entry.begin <= entry.end else {
                throw SafetensorsError(
                    .outOfBounds, tensor: entry.name, "its data end (\(entry.end)) before they begin (\(entry.begin))")
            }
            guard entry.end <= dataBytes else {
                throw SafetensorsError(
                    .outOfBounds, tensor: entry.name,
                    "its data end at byte \(entry.end), the file holds \(dataBytes); it is damaged or cut short")
            }
            var size = entry.type.byteCount
            for extent in entry.shape {
                let (product, overflow) = size.multipliedReportingOverflow(by: extent)
                guard !overflow else {
                    throw SafetensorsError(
                        .invalidShape, tensor: entry.name, "the product of its shape \(entry.shape) exceeds 64 bits")
                }
                size = product
            }
            guard size == entry.end - entry.begin else {
                throw SafetensorsError(
                    .sizeMismatch, tensor: entry.name,
                    "shape \(entry.shape) of \(entry.type.rawValue) needs \(size) bytes, it has \(entry.end - entry.begin)"
                )
            }
            tensors.append(
                Tensor(name: entry.name, type: entry.type, shape: entry.shape, range: entry.begin..<entry.end))
        }
        tensors.sort { ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound) }
        var end = 0
        for tensor in tensors {
            guard tensor.range.lowerBound >= end else {
                throw SafetensorsError(.overlap, tensor: tensor.name, "its data overlap those of another tensor")
            }
            guard tensor.range.lowerBound == end else {
                throw SafetensorsError(.gap, tensor: tensor.name, "unused bytes lie before its data")
            }
            end = tensor.range.upperBound
        }
        guard end == dataBytes else {
            throw SafetensorsError(.gap, "\(dataBytes - end) bytes after the last tensor belong to none")
        }
        return tensors
    }
}
