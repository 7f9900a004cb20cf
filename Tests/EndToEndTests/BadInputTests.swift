import Foundation
import Testing

/// Bad input: a clear message, the right exit code, nothing stored lost.
@Suite struct BadInputTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var name: String
        var arguments: @Sendable (Scratch) throws -> [String]
        var status: Int32
        /// What the message must name.
        var mentions: [String]

        var testDescription: String { name }
    }

    static let box = "--bbox=7.6,45.9,8,46.2"

    static func write(_ name: String, _ bytes: [UInt8], _ scratch: Scratch) throws -> String {
        try Data(bytes).write(to: scratch.url(name))
        return scratch.path(name)
    }

    static let cases: [Case] = [
        Case(
            name: "missing base map",
            arguments: { ["render", box, "--base", $0.path("none.tif"), "--out", $0.path("o")] }, status: 1,
            mentions: ["none.tif"]),
        Case(
            name: "unreadable base map",
            arguments: {
                ["render", box, "--base", try write("noise.tif", [1, 2, 3, 4], $0), "--out", $0.path("o")]
            }, status: 1, mentions: ["noise.tif"]),
        Case(
            name: "a box on a picture without georeference",
            arguments: { scratch in
                let picture = scratch.path("picture.png")
                try Tessera.succeed(
                    [
                        "-q", "-of", "PNG", "-outsize", "64", "64", "-bands", "3", "-burn", "9", "-burn", "9", "-burn",
                        "9",
                        picture,
                    ], command: "gdal_create")
                return ["render", box, "--base", picture, "--out", scratch.path("o")]
            }, status: 1, mentions: ["--rect"]),
        Case(
            name: "empty box", arguments: { ["render", "--bbox=8,46,8,46", "--out", $0.path("o")] }, status: 2,
            mentions: ["8"]),
        Case(
            name: "south above north", arguments: { ["render", "--bbox=7,47,8,46", "--out", $0.path("o")] }, status: 2,
            mentions: ["south", "north"]),
        Case(
            name: "a box that would span the world the wrong way",
            arguments: { ["render", "--bbox=8,46,7,47", "--out", $0.path("o")] }, status: 2, mentions: ["swapped"]),
        Case(
            name: "a box of words", arguments: { ["render", "--bbox=here", "--out", $0.path("o")] }, status: 2,
            mentions: ["bbox"]),
        Case(
            name: "no region", arguments: { ["render", "--out", $0.path("o")] }, status: 2, mentions: ["--bbox"]),
        Case(
            name: "levels below 1", arguments: { ["render", box, "--levels", "0", "--out", $0.path("o")] }, status: 2,
            mentions: ["levels"]),
        Case(
            name: "unknown model",
            arguments: { ["render", box, "--model", "none.safetensors", "--out", $0.path("o")] },
            status: 1, mentions: ["none.safetensors"]),
        Case(
            name: "damaged model",
            arguments: { scratch in
                let whole = try Data(contentsOf: URL(filePath: try Reference.path("small/model.safetensors")))
                let damaged = try write("cut.safetensors", [UInt8](whole.dropLast(whole.count / 3)), scratch)
                return ["render", box, "--model", damaged, "--out", scratch.path("o")]
            }, status: 1, mentions: ["tensor"]),
        Case(
            name: "unknown sampler", arguments: { ["render", box, "--sampler", "magic:3", "--out", $0.path("o")] },
            status: 2, mentions: ["magic"]),
        Case(
            name: "no coordinator",
            arguments: { _ in ["worker", "--connect", "tcp://127.0.0.1:9", "--patience", "1"] },
            status: 1, mentions: ["127.0.0.1:9"]),
        Case(
            name: "no coordinator to ask", arguments: { _ in ["status", "--to", "http://127.0.0.1:9"] }, status: 1,
            mentions: ["127.0.0.1:9"]),
        Case(
            name: "not a mosaic", arguments: { ["export", "xyz", $0.root.path, $0.path("x")] }, status: 1,
            mentions: ["mosaic"]),
        Case(
            name: "an address that others can reach",
            arguments: { ["serve", "--out", $0.path("o"), "--listen", "tcp://0.0.0.0:0"] }, status: 2,
            mentions: ["--insecure"]),
    ]

    @Test(arguments: cases) func isRefusedInWords(_ bad: Case) throws {
        let scratch = try Scratch()
        let outcome = try Tessera.run(bad.arguments(scratch))
        #expect(outcome.status == bad.status, "\(outcome.errors)")
        #expect(outcome.errors.hasPrefix("tessera: ") || outcome.status == 2, "\(outcome.errors)")
        for word in bad.mentions { #expect(outcome.errors.contains(word), "\(outcome.errors)") }
    }

    @Test func anotherSeedIsRefusedAndNothingLost() throws {
        let scratch = try Scratch()
        try Tessera.succeed(render(Alps.east, to: scratch.path("o"), levels: 1))
        let before = try storedTiles(scratch.path("o"))
        let outcome = try Tessera.run(render(Alps.east, to: scratch.path("o"), seed: 8, levels: 1))
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("seed 7") && outcome.errors.contains("seed 8"), "\(outcome.errors)")
        #expect(try storedTiles(scratch.path("o")) == before)
    }

    @Test func aPortInUseIsNamed() throws {
        let scratch = try Scratch()
        let first = Tessera.process([
            "serve", "--out", scratch.path("a"), "--listen", "tcp://127.0.0.1:0", "--http", "127.0.0.1:0", "--json",
        ])
        let output = Pipe()
        first.standardOutput = output
        first.standardError = FileHandle.nullDevice
        try first.run()
        defer { first.terminate() }
        let text = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        let port = try #require(text.firstMatch(of: /tcp:\/\/127\.0\.0\.1:(\d+)/)?.1)
        let outcome = try Tessera.run(["serve", "--out", scratch.path("b"), "--listen", "tcp://127.0.0.1:\(port)"])
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("\(port)") && outcome.errors.contains("in use"), "\(outcome.errors)")
    }

    @Test(.enabled(if: geteuid() == 0, "mounting a small disk needs root"))
    func aFullDiskStopsWithoutLoss() throws {
        let scratch = try Scratch()
        try Tessera.succeed(render(Alps.whole, to: scratch.path("whole")))
        let mount = scratch.path("disk")
        try FileManager.default.createDirectory(atPath: mount, withIntermediateDirectories: true)
        let mounted = try Tessera.run(["-t", "tmpfs", "-o", "size=600k", "tmpfs", mount], command: "mount")
        try #require(mounted.status == 0, "\(mounted.errors)")
        defer { _ = try? Tessera.run([mount], command: "umount") }
        let outcome = try Tessera.run(render(Alps.whole, to: mount + "/o"))
        #expect(outcome.status == 1, "\(outcome.output)")
        #expect(outcome.errors.lowercased().contains("no space left"), "\(outcome.errors)")
        let grown = try Tessera.run(["-o", "remount,size=60m", mount], command: "mount")
        try #require(grown.status == 0)
        try Tessera.succeed(render(Alps.whole, to: mount + "/o"))
        #expect(differences(try storedTiles(scratch.path("whole")), try storedTiles(mount + "/o")) == [])
    }
}
