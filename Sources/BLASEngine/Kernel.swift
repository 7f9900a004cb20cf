internal import CKernels

/// The arithmetic of convolutions: number format and instruction set.
public enum Kernel: String, CaseIterable, Sendable {
    /// fp32, with what every CPU of the architecture has.
    case baseline
    /// fp32, AVX2 and FMA.
    case avx2
    /// fp32, AVX-512.
    case avx512
    /// Every fp32 number as a sum of two bf16, three products for one, on AMX tiles: about 16 bits of mantissa.
    case amxSplit = "amx-split"
    /// bf16 on AMX tiles, summed in fp32: about 8 bits of mantissa.
    case amxBF16 = "amx-bf16"

    /// The precision that a user asks for.
    public enum Precision: String, CaseIterable, Sendable {
        /// Within 1e-4 of float64, step by step.
        case fp32
        /// Faster and coarser.
        case bf16
    }

    /// Whether this CPU and operating system can run it.
    public var isAvailable: Bool { tessera_kernel_available(code) }

    /// The kernels that this machine can run.
    public static var available: [Kernel] { allCases.filter(\.isAvailable) }

    /// The fastest kernel of this machine that keeps fp32's error bound.
    public static var fastest: Kernel {
        [.amxSplit, .avx512, .avx2].first(where: \.isAvailable) ?? .baseline
    }

    /// The fastest kernel for a precision; nil if this machine has none.
    public static func fastest(_ precision: Precision) -> Kernel? {
        switch precision {
        case .fp32: fastest
        case .bf16: amxBF16.isAvailable ? .amxBF16 : nil
        }
    }

    var code: tessera_kernel {
        switch self {
        case .baseline: TESSERA_BASELINE
        case .avx2: TESSERA_AVX2
        case .avx512: TESSERA_AVX512
        case .amxSplit: TESSERA_AMX_SPLIT
        case .amxBF16: TESSERA_AMX_BF16
        }
    }
}
