import Canvas
import Testing
import Wire

@Suite("Chunks")
struct ChunkTests {
    private let core = Core(level: 1, column: 5, row: -2)

    private func chunks(_ pixels: [UInt8], of size: Int) -> [WindowResult] {
        WindowResult.chunks(lease: 1, epoch: 2, core: core, pixels: pixels, seconds: 0.5, chunk: size)
    }

    @Test(
        "XXH64 has the values of the reference implementation",
        arguments: [
            // Bytes 7·i mod 256, by the xxhash package of Python.
            (0, 0xEF46_DB37_51D8_E999), (1, 0xE934_A84A_DB05_2768), (3, 0x9FF7_0A63_5A62_09AB),
            (4, 0xAE5A_CDC0_0A55_AC41), (7, 0xD734_A6B2_6F3D_A63E), (8, 0x8711_6B33_65B9_24EB),
            (31, 0x0F18_7C62_B1E7_22B7), (32, 0x91B0_CB09_31A8_C629), (33, 0x931B_043C_F8D6_5B94),
            (63, 0x2191_10BF_13E2_FA26), (100, 0x8E22_72C0_8247_D5DB), (1000, 0x2527_5608_A9CF_C168),
        ] as [(Int, UInt64)])
    func check(count: Int, expected: UInt64) {
        #expect(Checksum.xxh64((0..<count).map { UInt8(truncatingIfNeeded: 7 * $0) }) == expected)
    }

    @Test("Chunks of any size give the pixels back", arguments: [1, 7, 1000, 4096, 5000])
    func reassembly(size: Int) throws {
        var random = SeededGenerator(seed: 9)
        let pixels = random.bytes(4096)
        var assembler = ResultAssembler()
        var done: [UInt8]?
        for chunk in chunks(pixels, of: size) {
            #expect(done == nil)
            done = try assembler.add(chunk, expected: 4096)
        }
        #expect(done == pixels)
    }

    @Test("Repeated, missing, foreign and damaged chunks are errors, and the next payload is whole again")
    func violations() throws {
        var random = SeededGenerator(seed: 10)
        let pixels = random.bytes(300)
        let parts = chunks(pixels, of: 100)
        var foreign = parts[1]
        foreign.core.column += 1
        var late = parts[1]
        late.epoch += 1
        var overlong = parts[2]
        overlong.payload += [1]
        var damaged = parts[2]
        damaged.payload[5] ^= 1
        let wrong: [[WindowResult]] = [
            [parts[0], parts[0]], [parts[0], parts[2]], [parts[1]], [parts[0], foreign], [parts[0], late],
            [parts[0], parts[1], overlong], [parts[0], parts[1], damaged],
        ]
        for sequence in wrong {
            var assembler = ResultAssembler()
            for chunk in sequence.dropLast() { #expect(try assembler.add(chunk, expected: 300) == nil) }
            #expect(throws: WireError.self) { try assembler.add(sequence[sequence.count - 1], expected: 300) }
            var done: [UInt8]?
            for chunk in parts { done = try assembler.add(chunk, expected: 300) }
            #expect(done == pixels)
        }
        var assembler = ResultAssembler()
        #expect(throws: WireError.self) { try assembler.add(parts[0], expected: 299) }
    }

    @Test("A sequence of chunks ends exactly at its total")
    func sequence() throws {
        var sequence = ChunkSequence(total: 10)
        try sequence.accept(offset: 0, count: 6, total: 10)
        #expect(throws: WireError.self) { try sequence.accept(offset: 6, count: 5, total: 10) }
        #expect(throws: WireError.self) { try sequence.accept(offset: 6, count: 4, total: 11) }
        #expect(throws: WireError.self) { try sequence.accept(offset: .max, count: 4, total: 10) }
        #expect(!sequence.isComplete)
        try sequence.accept(offset: 6, count: 4, total: 10)
        #expect(sequence.isComplete)
    }
}
