internal import Canvas

/// The way between interleaved 8-bit pixels and the planar values of a network: pixel = value · scale + offset.
struct PixelCoding {
    private let scale: Double
    private let offset: Double
    /// The value of each pixel.
    private let values: [Float]

    init(scale: Double, offset: Double) {
        self.scale = scale
        self.offset = offset
        values = (0...255).map { Float((Double($0) - offset) / scale) }
    }

    /// Return interleaved RGB bytes as three planes of values.
    func planes(_ bytes: [UInt8]) -> [Float] {
        let count = bytes.count / 3
        return [Float](unsafeUninitializedCapacity: 3 * count) { output, written in
            for channel in 0..<3 {
                for i in 0..<count {
                    output.initializeElement(at: channel * count + i, to: values[Int(bytes[3 * i + channel])])
                }
            }
            written = 3 * count
        }
    }

    /// Return the core of a window as interleaved RGB bytes, rounded half away from zero; nil where a value of the
    /// window is not finite.
    ///
    /// - Parameter window: Three planes of W×W values.
    func core(_ window: UnsafeBufferPointer<Float>, _ geometry: WindowGeometry) -> [UInt8]? {
        guard window.allSatisfy(\.isFinite) else { return nil }
        let (side, core, margin) = (Int(geometry.window), Int(geometry.core), Int(geometry.margin))
        return [UInt8](unsafeUninitializedCapacity: 3 * core * core) { output, written in
            for channel in 0..<3 {
                for row in 0..<core {
                    let start = channel * side * side + (row + margin) * side + margin
                    for column in 0..<core {
                        output.initializeElement(
                            at: 3 * (row * core + column) + channel, to: pixel(window[start + column]))
                    }
                }
            }
            written = 3 * core * core
        }
    }

    private func pixel(_ value: Float) -> UInt8 {
        let pixel = (Double(value) * scale + offset).rounded(.toNearestOrAwayFromZero)
        return UInt8(min(max(pixel, 0), 255))
    }
}
