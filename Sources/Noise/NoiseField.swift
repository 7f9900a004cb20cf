public import Canvas

/// How the noise of a window depends on where the window is.
public enum NoiseMode: String, Codable, Sendable, CaseIterable {
    /// A function of the pixel's coordinates on the canvas: windows that overlap see the same noise.
    case canvas
    /// One tensor for every window of a level (MetaEarth, section 3.3).
    case shared
    /// A function of the coordinates modulo the core's side: overlaps agree, and the noise repeats.
    case periodic
    /// Every window its own noise: the control of comparisons.
    case independent
}

/// Gaussian noise, a pure function of seed, level, channel, stream and coordinates; the same bits on every machine.
///
/// On the world surface x wraps modulo the width of the world. Beyond that, x counts modulo 2⁵⁰ and y modulo 2⁴⁸.
/// The definition, to the bit, is docs/noise.md.
public struct NoiseField: Sendable {
    public let seed: UInt64
    public let mode: NoiseMode
    public let canvas: Canvas

    public init(seed: UInt64, mode: NoiseMode, canvas: Canvas) {
        self.seed = seed
        self.mode = mode
        self.canvas = canvas
    }

    /// Write the noise of the window around a core.
    ///
    /// - Parameters:
    ///   - core: The window's address; its level must lie in 0 ... 255.
    ///   - channels: 1 ... 256.
    ///   - stream: 0 is the initial noise, i what the sampler adds at step i.
    ///   - output: At least channels × W × W values: planes of rows, mean 0 and variance 1.
    public func fill(
        window core: Core, channels: Int, stream: UInt16, into output: UnsafeMutableBufferPointer<Float>
    ) {
        let side = canvas.geometry.window
        let corner = PixelRect(
            x: core.column &* canvas.geometry.core &- canvas.geometry.margin,
            y: core.row &* canvas.geometry.core &- canvas.geometry.margin, width: side, height: side)
        let world = canvas.worldWidth(level: core.level)
        switch mode {
        case .canvas:
            fill(corner, xModulus: world, yModulus: nil, core.level, channels, stream, output)
        case .shared:
            let rect = PixelRect(x: 0, y: 0, width: side, height: side)
            fill(rect, xModulus: nil, yModulus: nil, core.level, channels, stream, output)
        case .periodic:
            let period = canvas.geometry.core
            fill(corner, xModulus: period, yModulus: period, core.level, channels, stream, output)
        case .independent:
            // Windows laid side by side on one plane: no pixel of it belongs to two of them.
            let column = canvas.worldCores(level: core.level).map(core.column.wrapped) ?? core.column
            let rect = PixelRect(x: column &* side, y: core.row &* side, width: side, height: side)
            fill(rect, xModulus: nil, yModulus: nil, core.level, channels, stream, output)
        }
    }

    /// Write the noise of a rectangle of the canvas, as mode `canvas` has it, whatever the field's own mode.
    ///
    /// - Parameters:
    ///   - level: 0 ... 255.
    ///   - channels: 1 ... 256.
    ///   - output: At least channels × height × width values: planes of rows.
    public func fill(
        rect: PixelRect, level: Int, channels: Int, stream: UInt16, into output: UnsafeMutableBufferPointer<Float>
    ) {
        fill(rect, xModulus: canvas.worldWidth(level: level), yModulus: nil, level, channels, stream, output)
    }

    private func fill(
        _ rect: PixelRect, xModulus: Int64?, yModulus: Int64?, _ level: Int, _ channels: Int, _ stream: UInt16,
        _ output: UnsafeMutableBufferPointer<Float>
    ) {
        guard !rect.isEmpty else { return }
        let width = Int(rect.width)
        let height = Int(rect.height)
        precondition((0...255).contains(level), "noise: level \(level) is not in 0 ... 255")
        precondition((1...256).contains(channels), "noise: \(channels) channels are not in 1 ... 256")
        precondition(output.count / channels / height >= width, "noise: the buffer is too small")
        guard var row = output.baseAddress else { return }
        for channel in 0..<channels {
            let plane = NoisePlane(seed: seed, level: UInt8(level), channel: UInt8(channel), stream: stream)
            for line in 0..<height {
                let y = Self.reduced(rect.y &+ Int64(line), yModulus)
                var written = 0
                while written < width {
                    let x = Self.reduced(rect.x &+ Int64(written), xModulus)
                    var count = Int64(width - written)
                    if let xModulus { count = min(count, xModulus - x) }
                    plane.fill(x: x, y: y, count: Int(count), into: row + written)
                    written += Int(count)
                }
                row += width
            }
        }
    }

    private static func reduced(_ coordinate: Int64, _ modulus: Int64?) -> Int64 {
        modulus.map(coordinate.wrapped) ?? coordinate
    }
}
