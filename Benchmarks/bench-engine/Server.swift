import BLASEngine
import Canvas
import Denoiser
import Foundation
import Noise
import Wire
import Worker

/// Answers commands on standard input, each with one line of JSON:
///
///     prepare WINDOW BATCH COARSE IMAGE CONSTANTS TIMESTEP   encode conditions; files of raw fp32
///     step                                                   {"wall": s, "cpu": s} of one step
///     output FILE                                            write the last step's result, raw fp32
///     window CONDITION CONSTANTS SAMPLER CORE NOISE          render one window; raw RGB in and out, its noise as fp32
///     memory                                                 {"peak": bytes}
final class Server {
    private let engine: TimedEngine
    private let model: ModelFile
    private var trajectory: (any DenoisingTrajectory)?
    private var image: [Float] = []
    private var output: [Float] = []
    private var timestep: Float = 0
    private var renderer: WindowRenderer?

    init(model: URL, kernel: Kernel, threads: Int) throws {
        self.model = try ModelFile(contentsOf: model)
        engine = TimedEngine(try BLASEngine(model: self.model, threads: threads, kernel: kernel))
    }

    func run() throws {
        Self.say(#"{"profile": "\#(engine.profile)"}"#)
        while let line = readLine() {
            let words = line.split(separator: " ").map(String.init)
            guard let command = words.first else { continue }
            Self.say(try answer(command, Array(words.dropFirst())))
        }
    }

    private static func say(_ line: String) {
        print(line)
        fflush(nil)
    }

    private func answer(_ command: String, _ words: [String]) throws -> String {
        switch (command, words.count) {
        case ("prepare", 6):
            try prepare(words)
            return "{}"
        case ("step", 0):
            return Self.json(try step())
        case ("output", 1):
            try RawFile.write(output, to: words[0])
            return "{}"
        case ("window", 5):
            return try window(words)
        case ("memory", 0):
            return #"{"peak": \#(Memory.status("VmHWM:"))}"#
        default:
            return #"{"error": "not understood"}"#
        }
    }

    private static func json(_ time: Duration) -> String { #"{"wall": \#(time.wall), "cpu": \#(time.cpu)}"# }

    private func prepare(_ words: [String]) throws {
        guard let window = Int(words[0]), let count = Int(words[1]), let timestep = Float(words[5]) else {
            throw EngineError("\(words)", remedy: "Give numbers.")
        }
        self.timestep = timestep
        image = try RawFile.read(words[3], as: Float.self)
        output = image
        trajectory = nil
        trajectory = try engine.begin(
            conditions: RawFile.read(words[2], as: Float.self), constants: RawFile.read(words[4], as: Float.self),
            count: count, window: window)
    }

    private func step() throws -> Duration {
        try Duration.measure {
            try image.withUnsafeBufferPointer { source in
                try output.withUnsafeMutableBufferPointer { target in
                    try trajectory?.predict(source, timestep: timestep, into: target)
                }
            }
        }
    }

    private func window(_ words: [String]) throws -> String {
        let request = WindowRequest(
            core: Core(level: 1, column: 3, row: 5), constants: try RawFile.read(words[1], as: Float.self),
            condition: try RawFile.read(words[0], as: UInt8.self))
        let renderer = try renderer ?? WindowRenderer(engine: engine, job: job(sampler: words[2]))
        self.renderer = renderer
        engine.spent = Duration()
        var pixels: [[UInt8]?] = []
        let time = try Duration.measure { pixels = try renderer.render([request]) }
        guard let core = pixels[0] else { throw EngineError("values that are not finite", remedy: "Check the model.") }
        try RawFile.write(core, to: words[3])
        var noise = [Float](repeating: 0, count: 3 * 256 * 256)
        noise.withUnsafeMutableBufferPointer {
            NoiseField(seed: renderer.job.seed, mode: .canvas, canvas: renderer.job.canvas).fill(
                window: request.core, channels: 3, stream: 0, into: $0)
        }
        try RawFile.write(noise, to: words[4])
        return #"{"whole": \#(Self.json(time)), "network": \#(Self.json(engine.spent))}"#
    }

    private func job(sampler: String) throws -> JobDescription {
        guard let digest = ModelDigest(hex: model.digest) else {
            throw EngineError("the model's digest \(model.digest)", remedy: "This is a bug.")
        }
        return JobDescription(
            jobID: "bench", model: digest, modelSize: 1, sampler: sampler, noise: .canvas, seed: 7,
            canvas: Canvas(surface: .plane(metresPerPixel: 100), baseZoom: 0))
    }
}

/// An engine that adds up the time spent in it.
final class TimedEngine: DenoisingEngine {
    fileprivate let engine: BLASEngine
    var spent = Duration()

    init(_ engine: BLASEngine) { self.engine = engine }

    var profile: String { engine.profile }
    var configuration: ModelConfiguration { engine.configuration }

    func begin(
        conditions: [Float], constants: [Float], count: Int, window: Int
    ) throws -> any DenoisingTrajectory {
        let start = Duration.now()
        defer { spent = spent + (Duration.now() - start) }
        return TimedTrajectory(
            try engine.begin(conditions: conditions, constants: constants, count: count, window: window), of: self)
    }
}

private final class TimedTrajectory: DenoisingTrajectory {
    private let trajectory: any DenoisingTrajectory
    private let engine: TimedEngine

    init(_ trajectory: any DenoisingTrajectory, of engine: TimedEngine) {
        self.trajectory = trajectory
        self.engine = engine
    }

    var count: Int { trajectory.count }
    var window: Int { trajectory.window }

    func predict(
        _ x: UnsafeBufferPointer<Float>, timestep: Float, into output: UnsafeMutableBufferPointer<Float>
    ) throws {
        let start = Duration.now()
        try trajectory.predict(x, timestep: timestep, into: output)
        engine.spent = engine.spent + (Duration.now() - start)
    }
}
