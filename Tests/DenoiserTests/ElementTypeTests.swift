import Denoiser
import Testing

struct ElementTypeTests {
    @Test func everyHalfWidensExactly() {
        let wrong = (UInt16.min...UInt16.max).filter { bits in
            let value = ElementType.widen(half: bits)
            let expected = Float(Float16(bitPattern: bits))
            guard expected.isNaN else { return value.bitPattern != expected.bitPattern }
            return !value.isNaN || value.bitPattern >> 13 & 0x3FF != UInt32(bits & 0x3FF)
        }
        #expect(wrong == [])
    }

    /// All but signalling NaN, which turn quiet.
    @Test func everyHalfAndBrainNumberSurvivesTheRoundTrip() {
        let wrong = (UInt16.min...UInt16.max).filter { bits in
            let half = ElementType.widen(half: bits)
            let brain = ElementType.widen(brain: bits)
            return ElementType.half(half) != (half.isNaN ? bits | 0x200 : bits)
                || ElementType.brain(brain) != (brain.isNaN ? bits | 0x40 : bits)
        }
        #expect(wrong == [])
    }

    @Test func halvesRoundToNearestEven() {
        var random = RandomNumbers(seed: 1)
        let edges: [Float] = [
            0, -0.0, 65504, 65519.99, 65520, 1e10, .infinity, -.infinity, 0x1p-24, 0x1p-25, 0x1.000002p-25, 0x1.8p-24,
            0x1.ffcp-15, 0x1.ffep-15, 0x1.fffffep-15, 1 + 0x1p-11, 1 + 0x3p-11, .leastNonzeroMagnitude,
        ]
        let drawn = (0..<200_000).map { _ in Float(bitPattern: UInt32(truncatingIfNeeded: random.next())) }.filter {
            !$0.isNaN
        }
        let small = (0..<200_000).map { _ in Float.random(in: -0x1p-13...0x1p-13, using: &random) }
        let wrong = (edges + drawn + small).filter { ElementType.half($0) != Float16($0).bitPattern }
        #expect(wrong == [])
    }

    @Test func brainNumbersRoundToNearestEven() {
        #expect(ElementType.brain(Float(bitPattern: 0x3F80_8000)) == 0x3F80)
        #expect(ElementType.brain(Float(bitPattern: 0x3F81_8000)) == 0x3F82)
        #expect(ElementType.brain(Float(bitPattern: 0x3F80_8001)) == 0x3F81)
        #expect(ElementType.brain(.greatestFiniteMagnitude) == 0x7F80)
        #expect(ElementType.brain(Float(bitPattern: 0x0000_8001)) == 0x0001)
    }
}
