import Foundation
import Testing

/// A small share of `make fuzz`.
@Suite struct FuzzTests {
    @Test func hostileFramesCrashNothingAndHonestWorkersGoOn() throws {
        let scratch = try Scratch()
        let text = try Daemon.succeed("fuzz-wire", ["\(Extent.pick(20_000, full: 200_000))"], in: scratch)
        #expect(text.contains("decoder") && text.contains("live coordinator"))
    }
}
