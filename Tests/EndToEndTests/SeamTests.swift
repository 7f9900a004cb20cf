import Foundation
import Testing

/// Seams of a real rendering with the trained model, for every noise mode.
@Suite struct SeamTests {
    struct Report: Decodable {
        struct Figure: Decodable {
            var ratio: Double
            var interval: [Double]
        }

        var seams: Figure
        var null: Figure
    }

    @Test func canvasNoiseHidesTheSeamsThatOtherNoiseShows() throws {
        let scratch = try Scratch()
        var reports: [String: Report] = [:]
        for noise in ["canvas", "shared", "periodic", "independent"] {
            let out = scratch.path(noise)
            try Tessera.succeed([
                "render", "--bbox=6,44.5,11,48", "--levels", "1", "--seed", "11", "--noise", noise, "--out", out,
                "--workers", "2", "--threads", "1",
            ])
            let text = try Tessera.succeed(["eval", "seams", out, "--json"])
            reports[noise] = try JSONDecoder().decode(Report.self, from: Data(text.utf8))
        }
        for (noise, report) in reports.sorted(by: { $0.key < $1.key }) {
            print("seams, \(noise): ratio \(report.seams.ratio) \(report.seams.interval), null \(report.null.ratio)")
        }
        let ratio = try Dictionary(
            uniqueKeysWithValues: ["canvas", "shared", "independent"].map { noise in
                (noise, try #require(reports[noise]).seams.ratio)
            })
        let canvas = try #require(ratio["canvas"])
        #expect(try canvas < #require(ratio["independent"]))
        #expect(try canvas < #require(ratio["shared"]))
        #expect(canvas < 1.15)
    }
}
