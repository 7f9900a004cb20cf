import ArgumentParser
import Canvas
import Coordinator
import Foundation
import Noise
import Testing
import Wire
import WorkerCommand

@testable import tessera

@Suite struct ParsingTests {
    func render(_ arguments: String...) throws -> RenderCommand {
        try #require(try Tessera.parseAsRoot(["render", "--out", "x"] + arguments) as? RenderCommand)
    }

    /// Return what a wrong command line is told.
    func refusal(_ arguments: String...) -> String {
        do {
            _ = try Tessera.parseAsRoot(arguments)
            return ""
        } catch {
            #expect(Tessera.exitCode(for: error) == .validationFailure)
            return Tessera.message(for: error)
        }
    }

    @Test(arguments: [["--bbox=-10.5,40,-3,44"], ["--bbox", "-10.5,40,-3,44"], ["--bbox", "-10.5, 40, -3, 44"]])
    func aBoxMayStartWithAMinus(arguments: [String]) throws {
        let command = try #require(try Tessera.parseAsRoot(["render", "--out", "x"] + arguments) as? RenderCommand)
        #expect(try command.job.request().region == .box(west: -10.5, south: 40, east: -3, north: 44))
    }

    @Test func aRectangleIsWholePixels() throws {
        let command = try render("--base", "a.png", "--rect", "-5,6,70,80")
        #expect(try command.job.request().region == .rect(PixelRect(x: -5, y: 6, width: 70, height: 80)))
        #expect(refusal("render", "--out", "x", "--rect", "0,0,1.5,2").contains("--rect 0,0,1.5,2"))
        #expect(refusal("render", "--out", "x", "--rect", "0,0,0,2").contains("empty"))
        #expect(refusal("render", "--out", "x", "--rect", "0,0,99999999999999999999,2").contains("--rect"))
    }

    @Test func withABaseTheRegionMayBeLeftOut() throws {
        #expect(try render("--base", "a.tif").job.request().region == nil)
        #expect(refusal("render", "--out", "x").contains("--bbox"))
    }

    @Test func regionsExcludeEachOther() {
        let message = refusal("render", "--out", "x", "--bbox=1,2,3,4", "--rect", "1,2,3,4")
        #expect(message.contains("--bbox and --rect"))
        #expect(refusal("submit", "--region", "a", "--bbox=1,2,3,4").contains("--bbox and --region"))
    }

    @Test(arguments: [
        "1,2,3", "1,2,3,4,5", "a,b,c,d", "", "1,5,3,4", "1,2,1,4", "1,2,3,91", "nan,2,3,4", "1,2,inf,4", "8,46,7,47",
    ])
    func aWrongBoxIsNamed(box: String) {
        #expect(refusal("render", "--out", "x", "--bbox=\(box)").contains("--bbox \(box)"))
    }

    @Test(arguments: [
        (["--levels", "0"], "--levels"), (["--steps", "5"], "--sampler"),
        (["--sampler", "euler", "--steps", "5"], "euler"),
        (["--sampler", "ddim:5", "--steps", "5"], "--steps"), (["--spacing", "logsnr"], "--sampler"),
        (["--sampler", "ddim", "--steps", "5", "--spacing", "even"], "even"),
        (["--sampler", "dpm++:5:spacing=t", "--spacing", "logsnr"], "--spacing"), (["--core", "100"], "core 100"),
        (["--degradation", "0.2,2"], "--degradation"), (["--base-zoom", "40"], "--base-zoom"),
        (["--resolution", "-4"], "--resolution"), (["--workers", "0"], "--workers"), (["--noise", "white"], "white"),
        (["--http", "0.0.0.0:80"], "--insecure"), (["--http", "nowhere"], "nowhere"), (["--sed", "7"], "--sed"),
    ])
    func aWrongValueIsNamed(arguments: [String], what: String) {
        do {
            _ = try Tessera.parseAsRoot(["render", "--out", "x", "--bbox=1,2,3,4"] + arguments)
            Issue.record("accepted \(arguments)")
        } catch {
            #expect(Tessera.exitCode(for: error) == .validationFailure)
            #expect(Tessera.message(for: error).contains(what))
        }
    }

    @Test func allOptionsReachTheRequest() throws {
        let command = try render(
            "--bbox=1,2,3,4", "--levels", "3", "--seed", "18446744073709551615", "--sampler", "ddim", "--steps", "50",
            "--spacing", "logsnr", "--noise", "periodic", "--degradation", "0.5,0.25", "--base-zoom", "6", "--core",
            "64", "--margin", "32",
            "--exact", "--resolution", "300.5")
        #expect(
            try command.job.request()
                == JobRequest(
                    baseZoom: 6, metresPerPixel: 300.5, region: .box(west: 1, south: 2, east: 3, north: 4), levels: 3,
                    seed: .max, sampler: "ddim:50:spacing=logsnr", noise: .periodic, degradation: [0.5, 0.25],
                    geometry: WindowGeometry(core: 64, margin: 32), exact: true))
    }

    @Test func aRegionFileIsReadAndItsErrorsNameIt() throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "region-\(UUID().uuidString).json")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data(#"{"type": "Polygon", "coordinates": [[[1, 2], [3, 2], [3, 4], [1, 2]]]}"#.utf8).write(to: file)
        guard case .polygons(let polygons)? = try render("--region", file.path).job.request().region else {
            Issue.record("no polygon")
            return
        }
        #expect(polygons.count == 1)
        let command = try render("--region", "/no/such.geojson")
        let error = #expect(throws: CommandError.self) { try command.job.request() }
        #expect(error?.description.contains("/no/such.geojson") == true)
    }

    @Test func addressesThatOthersReachAreRefused() throws {
        #expect(refusal("serve", "--out", "x", "--listen", "tcp://0.0.0.0:5555").contains("--insecure"))
        #expect(refusal("serve", "--out", "x", "--http", "*:80").contains("--insecure"))
        #expect(refusal("serve", "--out", "x", "--http", "127.0.0.1.example.org:80").contains("--insecure"))
        #expect(refusal("worker", "--connect", "tcp://10.0.0.1:5555").contains("--insecure"))
        #expect(refusal("worker", "--connect", "tcp://127.0.0.1").contains("--connect"))
        _ = try Tessera.parseAsRoot(["serve", "--out", "x", "--http", "[::1]:80", "--listen", "tcp://127.0.0.1:*"])
        _ = try Tessera.parseAsRoot(["serve", "--out", "x", "--http", "*:80", "--insecure"])
    }

    @Test func withKeysOtherMachinesMayConnect() throws {
        _ = try Tessera.parseAsRoot(["serve", "--out", "x", "--listen", "tcp://0.0.0.0:5555", "--key", "k"])
        _ = try Tessera.parseAsRoot([
            "worker", "--connect", "tcp://10.0.0.1:5555", "--connect", "file:/a", "--key", "k", "--server-key", "s",
        ])
        let told = refusal("serve", "--out", "x", "--listen", "tcp://0.0.0.0:5555")
        for line in ["tessera keygen", "--key", "tessera workers allow", "--server-key"] {
            #expect(told.contains(line))
        }
        #expect(refusal("serve", "--out", "x", "--allow", "a").contains("--key"))
        #expect(refusal("serve", "--out", "x", "--token", "t", "--token-file", "f").contains("--token-file"))
        #expect(refusal("worker", "--connect", "tcp://127.0.0.1:5", "--key", "k").contains("--server-key"))
        _ = try Tessera.parseAsRoot(["worker", "--connect", "file:/a"])
        #expect(refusal("worker").contains("--connect"))
    }

    @Test func keysAndVerificationAreChecked() throws {
        #expect(refusal("keygen", "a/b").contains("a/b"))
        #expect(refusal("keygen", "a", "a").contains("twice"))
        #expect(refusal("verify", "x", "--listen", "tcp://0.0.0.0:5").contains("--key"))
        #expect(refusal("verify", "x", "--sample", "-1").contains("--sample"))
        #expect(refusal("verify", "x", "--workers", "0").contains("--workers"))
        _ = try Tessera.parseAsRoot(["verify", "x", "--sample", "5", "--seed", "3"])
        #expect(try Tessera.parseAsRoot(["workers", "--to", "http://127.0.0.1:1"]) is ListWorkersCommand)
    }

    @Test func aTokenFileIsItsOwnersAlone() throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "token-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        let made = try AccessToken(file: file)
        #expect(made.text.count == 64)
        #expect(try AccessToken(file: file).text == made.text, "it is kept")
        let mode = try FileManager.default.attributesOfItem(atPath: file.path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: file.path)
        #expect(throws: KeyError.self) { try AccessToken(file: file) }
    }

    @Test func theCoordinatorsAddressIsChecked() {
        #expect(refusal("jobs", "--to", "ftp://x").contains("ftp://x"))
    }

    @Test func partsThatComeFirstArePlaces() throws {
        let command = try #require(
            try Tessera.parseAsRoot(["first", "job-1", "--bbox", "-1,2,3,4"]) as? FirstCommand)
        #expect(command.bbox == "-1,2,3,4")
        #expect(refusal("first", "job-1").contains("--off"))
        #expect(refusal("first", "job-1", "--off", "--bbox=1,2,3,4").contains("--off"))
        #expect(refusal("first", "job-1", "--bbox=1,2,3").contains("--bbox"))
    }

    @Test func aPriorityMayBeNegative() throws {
        let command = try #require(try Tessera.parseAsRoot(["priority", "job-1", "-2"]) as? PriorityCommand)
        #expect(command.priority == ["-2"])
        #expect(refusal("priority", "job-1", "high").contains("whole number"))
    }

    @Test func aLogLineIsOneLineAndItsFieldsCanBeTold() {
        #expect(LogFileHandler.field("job", "job-1") == " job=job-1")
        #expect(LogFileHandler.field("reason", "two words") == " reason=\"two words\"")
        #expect(LogFileHandler.field("reason", "a \"b\"\nc=d") == #" reason="a \"b\"\nc=d""#)
        #expect(LogFileHandler.field("reason", "") == " reason=\"\"")
    }

    @Test func everyCommandExplainsItselfWithAnExample() {
        var commands: [any ParsableCommand.Type] = [Tessera.self]
        while let command = commands.popLast() {
            let configuration = command.configuration
            let children = configuration.subcommands + configuration.groupedSubcommands.flatMap(\.subcommands)
            commands += children
            #expect(!command.configuration.abstract.isEmpty)
            if children.isEmpty { #expect(command.configuration.discussion.contains("tessera ")) }
        }
    }
}

@Suite struct WordsTests {
    @Test func durationsRatesAndPartsReadWell() {
        #expect(Words.duration(59.4) == "59 s")
        #expect(Words.duration(146) == "2 min 26 s")
        #expect(Words.duration(3 * 3600 + 61) == "3 h 1 min")
        #expect(Words.duration(200_000) == "2 d 7 h")
        #expect(Words.duration(nil) == "?")
        #expect(Words.rate(2.5) == "2.5 windows/s")
        #expect(Words.rate(0.05) == "3.0 windows/min")
        #expect(Words.percent(9_999, of: 10_000) == "99.9 %")
        #expect(Words.percent(0, of: 0) == "0.0 %")
        #expect(Words.bar(1, of: 2, width: 4) == "██  ")
        #expect(Words.bar(4, of: 4, width: 4) == "████")
        #expect(Words.bar(0, of: 4, width: 4) == "    ")
    }

    @Test func aShellReadsWordsBackAsTheyWere() {
        let words = ["tessera", "--bbox=-1,2,3,4", "it's here", "", "a$b", "é"]
        #expect(Shell.command(words) == #"tessera --bbox=-1,2,3,4 'it'\''s here' '' 'a$b' 'é'"#)
    }
}
