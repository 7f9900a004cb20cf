import Testing

@testable import Noise

private struct KnownAnswer {
    var counter: SIMD4<UInt64>
    var key: UInt64
    var block: SIMD4<UInt64>
}

/// Published with Random123 (tests/kat_vectors, "philox4x32 10").
private let knownAnswers = [
    KnownAnswer(
        counter: SIMD4(0, 0, 0, 0), key: 0, block: SIMD4(0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8)),
    KnownAnswer(
        counter: SIMD4(repeating: 0xffff_ffff), key: .max,
        block: SIMD4(0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd)),
    KnownAnswer(
        counter: SIMD4(0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344), key: 0x299f_31d0_a409_3822,
        block: SIMD4(0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1)),
]

@Test(arguments: [0, 0xdead_beef_0000_0000] as [UInt64])
func philoxGivesThePublishedBlocks(upperHalves: UInt64) {
    typealias Lanes = SIMD8<UInt64>
    for answer in knownAnswers {
        let words = (0..<4).map { Lanes(repeating: answer.counter[$0] | upperHalves) }
        let result = Philox<Lanes>.block((words[0], words[1], words[2], words[3]), key: answer.key)
        for lane in 0..<Lanes.scalarCount {
            let block = SIMD4(result.0[lane], result.1[lane], result.2[lane], result.3[lane])
            #expect(block & 0xffff_ffff == answer.block)
        }
    }
}
