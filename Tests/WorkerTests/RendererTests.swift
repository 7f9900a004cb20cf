import Canvas
import Denoiser
import Noise
import Testing
import Wire

@testable import Worker

@Suite("Window renderer")
struct RendererTests {
    private let configuration: ModelConfiguration
    private let job: JobDescription
    private let alphaBar: [Double]

    init() throws {
        configuration = try Fixture.configuration()
        job = Fixture.job(model: try Fixture.model())
        var product = 1.0
        alphaBar = (0..<1000).map { step in
            product *= 1 - (0.0015 + Double(step) * (0.0155 - 0.0015) / 999)
            return product
        }
    }

    /// An engine that knows the clean image: the condition, each pixel 4×4 times.
    private func oracle() -> FunctionEngine {
        FunctionEngine(configuration) { [alphaBar] x, condition, _, timestep in
            let alpha = Float(alphaBar[timestep].squareRoot())
            let sigma = Float((1 - alphaBar[timestep]).squareRoot())
            return x.indices.map { i in
                let (plane, y, column) = (i / 4096, i / 64 % 64, i % 64)
                let clean = condition[plane * 256 + y / 4 * 16 + column / 4]
                return (alpha * x[i] - clean) / sigma
            }
        }
    }

    @Test(
        "What the network knows arrives as the right pixels, whatever the sampler",
        arguments: ["ddim:1", "ddim:5", "ddim:5:eta=1", "dpm++:6"])
    func placement(sampler: String) throws {
        var job = job
        job.sampler = sampler
        let renderer = try WindowRenderer(engine: oracle(), job: job)
        for window in [Fixture.window(0), Fixture.window(-3, 5)] {
            let pixels = try #require(try renderer.render([window])[0])
            #expect(pixels.count == 32 * 32 * 3)
            for y in 0..<32 {
                for x in 0..<32 {
                    for channel in 0..<3 {
                        let expected = window.condition[3 * ((y + 16) / 4 * 16 + (x + 16) / 4) + channel]
                        #expect(pixels[3 * (y * 32 + x) + channel] == expected)
                    }
                }
            }
        }
    }

    @Test("The initial noise is the noise field's, window by window")
    func noise() throws {
        var job = job
        job.sampler = "ddim:1"
        let engine = FunctionEngine(configuration) { x, _, _, _ in x.map { _ in 0 } }
        let renderer = try WindowRenderer(engine: engine, job: job)
        let windows = [Fixture.window(4, -9), Fixture.window(5, -9)]
        let field = NoiseField(seed: 7, mode: .canvas, canvas: job.canvas)
        for (window, pixels) in zip(windows, try renderer.render(windows)) {
            var values = [Float](repeating: 0, count: 3 * 64 * 64)
            values.withUnsafeMutableBufferPointer { field.fill(window: window.core, channels: 3, stream: 0, into: $0) }
            // v = 0 makes the clean image √ᾱ·x.
            let alpha = Float(alphaBar[999].squareRoot())
            let pixels = try #require(pixels)
            for (x, y, channel) in [(0, 0, 0), (31, 0, 1), (0, 31, 2), (17, 23, 0), (31, 31, 2)] {
                let value = Double(alpha * values[channel * 4096 + (y + 16) * 64 + x + 16]) * 127.5 + 127.5
                #expect(pixels[3 * (y * 32 + x) + channel] == UInt8(min(max(value.rounded(), 0), 255)))
            }
        }
    }

    @Test("A window's bytes do not depend on the batch it is in", arguments: ["ddim:3:eta=0.7", "dpm++:4"])
    func batches(sampler: String) throws {
        var job = job
        job.sampler = sampler
        let renderer = try WindowRenderer(engine: FunctionEngine(configuration), job: job)
        let windows = (0..<5).map { Fixture.window(Int64($0), Int64($0 % 2), constant: Float($0)) }
        let alone = try windows.map { try renderer.render([$0])[0] }
        #expect(try renderer.render(windows) == alone)
        #expect(try renderer.render(windows.reversed()) == alone.reversed())
        #expect(Set(alone.map { $0 ?? [] }).count == 5)
    }

    @Test("A value that is no number fails its own window only")
    func notFinite() throws {
        let engine = FunctionEngine(configuration) { x, condition, constants, timestep in
            constants[0] == 99 ? x.map { _ in .nan } : FunctionEngine.mixture(x, condition, constants, timestep)
        }
        let renderer = try WindowRenderer(engine: engine, job: job)
        let pixels = try renderer.render([Fixture.window(0), Fixture.window(1, constant: 99), Fixture.window(2)])
        #expect(pixels.map { $0 == nil } == [false, true, false])
    }

    @Test("Windows and jobs that do not fit the model are refused")
    func misfits() throws {
        let engine = FunctionEngine(configuration)
        let renderer = try WindowRenderer(engine: engine, job: job)
        var short = Fixture.window(0)
        short.condition.removeLast(3)
        #expect(throws: WireError.self) { try renderer.render([short]) }
        var scalars = Fixture.window(0)
        scalars.constants = [1, 2]
        #expect(throws: RenderError.self) { try renderer.render([scalars]) }
        var job = job
        job.sampler = "euler:4"
        #expect(throws: (any Error).self) { try WindowRenderer(engine: engine, job: job) }
        #expect(try renderer.render([]).isEmpty)
    }

    @Test("Progress counts the steps, and can stop them")
    func progress() throws {
        struct Enough: Error {}
        let renderer = try WindowRenderer(engine: FunctionEngine(configuration), job: job)
        var seen: [Int] = []
        _ = try renderer.render([Fixture.window(0)]) { seen.append($0) }
        #expect(seen == [1, 2, 3, 4])
        #expect(renderer.steps == 4)
        #expect(throws: Enough.self) {
            try renderer.render([Fixture.window(0)]) { if $0 == 2 { throw Enough() } }
        }
    }
}
