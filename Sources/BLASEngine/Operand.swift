internal import CKernels

/// View what a convolution reads: an image in the kernel's number format with zeros around it; see `tessera_kernels.h`.
struct Operand {
    let base: UnsafeMutableRawPointer
    let kernel: Kernel
    let blocks: Int
    let height: Int
    let width: Int

    /// The bytes from one channel block to the next.
    var stride: Int { Self.stride(kernel, height: height, width: width) }

    static func stride(_ kernel: Kernel, height: Int, width: Int) -> Int {
        Int(tessera_operand_positions(Int32(height), Int32(width)) * tessera_position_bytes(kernel.code))
    }

    /// The bytes that an operand needs.
    static func size(_ kernel: Kernel, blocks: Int, height: Int, width: Int) -> Int {
        blocks * stride(kernel, height: height, width: width)
            + Int(TESSERA_OVERRUN) * Int(tessera_position_bytes(kernel.code))
    }

    func block(_ index: Int) -> UnsafeMutableRawPointer { base + index * stride }

    /// The operand without its first blocks.
    func dropping(_ count: Int) -> Operand {
        Operand(base: block(count), kernel: kernel, blocks: blocks - count, height: height, width: width)
    }
}

/// A function of one value that is applied while an operand is filled.
enum Activation {
    case identity, silu, leakyReLU

    fileprivate var code: tessera_function {
        switch self {
        case .identity: TESSERA_IDENTITY
        case .silu: TESSERA_SILU
        case .leakyReLU: TESSERA_LEAKY_RELU
        }
    }
}

extension Operand {
    private static let rows = 16

    /// Fill the first blocks with function(scale · source + shift).
    ///
    /// - Parameters:
    ///   - factors: a scale for each channel of each block, then a shift for each; nil for 1 and 0.
    ///   - raw: receives the source itself.
    func fill(
        from source: Joined, _ activation: Activation, factors: UnsafePointer<Float>? = nil,
        raw: Operand? = nil, _ workspace: Workspace
    ) {
        assert(source.blocks <= blocks && source.height == height && source.width == width)
        let bands = (height + Self.rows - 1) / Self.rows
        let channels = source.blocks * channelBlock
        let neutral = workspace.neutral.pointer
        workspace.team.forEach(source.blocks * bands) { index, _ in
            let (block, band) = index.quotientAndRemainder(dividingBy: bands)
            var work = tessera_activation(
                source: source.block(block), scale: factors.map { $0 + block * channelBlock } ?? UnsafePointer(neutral),
                shift: factors.map { $0 + channels + block * channelBlock } ?? UnsafePointer(neutral + channelBlock),
                function: activation.code, target: self.block(block), raw: raw?.block(block), height: Int32(height),
                width: Int32(width))
            let first = band * Self.rows
            tessera_activate(kernel.code, &work, Int32(first), Int32(min(Self.rows, height - first)))
        }
    }
}

extension Workspace {
    /// What a convolution reads of an image.
    func operand(of source: Image, _ activation: Activation = .identity) -> Operand {
        let operand = operand(blocks: source.blocks, height: source.height, width: source.width)
        operand.fill(from: Joined(source), activation, self)
        return operand
    }
}
