/// The number formats of stored weights.
public enum ElementType: String, Sendable, CaseIterable {
    /// IEEE 754 binary16.
    case f16 = "F16"
    /// The upper half of binary32.
    case bf16 = "BF16"
    /// IEEE 754 binary32.
    case f32 = "F32"

    /// The bytes of one element.
    public var byteCount: Int { self == .f32 ? 4 : 2 }

    /// Widen the bits of a binary16 number; exact for every input, NaN payloads included.
    @inlinable
    public static func widen(half bits: UInt16) -> Float {
        let sign = UInt32(bits & 0x8000) << 16
        let magnitude = UInt32(bits & 0x7FFF)
        if magnitude >= 0x7C00 {
            return Float(bitPattern: sign | 0x7F80_0000 | (magnitude & 0x3FF) << 13)
        }
        if magnitude < 0x0400 {  // zero and subnormal numbers: a multiple of 2⁻²⁴
            return Float(bitPattern: sign | (Float(magnitude) * 0x1p-24).bitPattern)
        }
        return Float(bitPattern: sign | (magnitude << 13) &+ 0x3800_0000)
    }

    /// Widen the bits of a bfloat16 number; exact for every input.
    @inlinable
    public static func widen(brain bits: UInt16) -> Float {
        Float(bitPattern: UInt32(bits) << 16)
    }

    /// Round a number to binary16, to nearest, ties to even; NaN stays NaN.
    public static func half(_ value: Float) -> UInt16 {
        let bits = value.bitPattern
        let sign = UInt16(truncatingIfNeeded: bits >> 16) & 0x8000
        let magnitude = bits & 0x7FFF_FFFF
        if magnitude > 0x7F80_0000 { return sign | 0x7E00 | UInt16(truncatingIfNeeded: magnitude >> 13) & 0x3FF }
        if magnitude >= 0x4780_0000 { return sign | 0x7C00 }
        if magnitude < 0x3880_0000 {  // below 2⁻¹⁴: the addition rounds to a multiple of 2⁻²⁴
            let rounded = Float(bitPattern: magnitude) + 0.5
            return sign | UInt16(truncatingIfNeeded: rounded.bitPattern &- Float(0.5).bitPattern)
        }
        let rounded = magnitude &+ 0x0FFF &+ (magnitude >> 13 & 1)
        return sign | UInt16(truncatingIfNeeded: (rounded &- 0x3800_0000) >> 13)
    }

    /// Round a number to bfloat16, to nearest, ties to even; NaN stays NaN.
    public static func brain(_ value: Float) -> UInt16 {
        let bits = value.bitPattern
        if value.isNaN { return UInt16(truncatingIfNeeded: bits >> 16) | 0x40 }
        return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16)
    }
}
