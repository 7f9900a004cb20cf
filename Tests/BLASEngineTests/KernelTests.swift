import Foundation
import Testing

@testable import BLASEngine
@testable import Denoiser

struct KernelTests {
    @Test func exponentialIsAccurateOverItsRange() {
        var worst = 0.0
        for x in stride(from: Float(-87), through: 88, by: 0.001) {
            let expected = exp(Double(x))
            worst = max(worst, abs(Double(exponential(Vector(repeating: x))[5]) - expected) / expected)
        }
        #expect(worst < 0x1p-22)
        #expect(exponential(.zero)[0] == 1)
        #expect(exponential(Vector(repeating: -.infinity))[0] > 0)
        #expect(exponential(Vector(repeating: .infinity))[0].isFinite)
    }

    @Test func sigmoidLinearUnitHoldsAtItsEnds() {
        let silu = AffineSiLU(scale: 2, shift: -1)
        for x: Float in [-1e30, -300, -44, -3, 0, 0.5, 1, 7, 44.5, 1e30] {
            let y = 2 * Double(x) - 1
            let expected = y / (1 + exp(-y))
            #expect(abs(Double(silu(Vector(repeating: x))[0]) - expected) <= max(abs(expected) * 1e-6, 1e-6), "\(x)")
        }
    }

    @Test(arguments: [1, 5, 15, 16, 17, 1023, 1024, 1040, 5000])
    func momentsHoldForAMeanFarAboveTheDeviation(_ count: Int) {
        let values = (0..<count).map { 1000 + Float(($0 * 7919) % 1013) / 1013 }
        let mean = values.reduce(0.0) { $0 + Double($1) } / Double(count)
        let deviation = values.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
        var whole = Moments(values, count: count)
        #expect(abs(whole.mean - mean) <= 1e-9 * mean)
        #expect(abs(whole.deviation - deviation) <= 1e-5 * deviation + 1e-9)
        let half = count / 2
        var parts = Moments(values, count: half)
        parts.merge(Moments(Array(values[half...]), count: count - half))
        #expect(abs(parts.mean - mean) <= 1e-9 * mean)
        #expect(abs(parts.deviation - deviation) <= 1e-5 * deviation + 1e-9)
        whole.merge(Moments())
        #expect(whole.count == Double(count))
    }

    @Test func everyPartRunsOnceAndALaneRunsOneAtATime() {
        for threads in 1...4 {
            let team = Team(threads: threads)
            for count in [0, 1, 2, 3, 100] {
                let runs = UnsafeMutablePointer<Int>.allocate(capacity: count + 1)
                let lanes = UnsafeMutablePointer<Int>.allocate(capacity: threads)
                runs.initialize(repeating: 0, count: count + 1)
                lanes.initialize(repeating: 0, count: threads)
                for _ in 0..<50 {
                    team.forEach(count) { index, lane in
                        runs[index] += 1
                        lanes[lane] += 1
                    }
                }
                #expect((0..<count).allSatisfy { runs[$0] == 50 })
                #expect((0..<threads).reduce(0) { $0 + lanes[$1] } == 50 * count)
                runs.deallocate()
                lanes.deallocate()
            }
        }
    }

    @Test func kernelsAreChosenByTheCPU() {
        func choice(_ chosen: String, _ avx512: Bool, _ avx2: Bool) -> String? {
            BLASRuntime.preferredCoreType(chosen: chosen, avx512: avx512, avx2: avx2)
        }
        #expect(choice("Prescott", true, true) == "SkylakeX")
        #expect(choice("Haswell", true, true) == "SkylakeX")
        #expect(choice("SkylakeX", true, true) == nil)
        #expect(choice("Cooperlake", true, true) == nil)
        #expect(choice("Prescott", false, true) == "Haswell")
        #expect(choice("SkylakeX", false, true) == "Haswell")
        #expect(choice("Zen", false, true) == nil)
        #expect(choice("Nehalem", false, false) == nil)
        #expect(choice("neoversen1", false, false) == nil)
        #expect(BLASRuntime.profile.hasPrefix("blas/" + BLASRuntime.coreName))
    }
}

struct ConvolutionTests {
    struct Case: Sendable {
        var inputs: Int
        var outputs: Int
        var height: Int
        var width: Int
        var kernel = 3
        var stride = 1
        var residual = false
    }

    static let cases = [
        Case(inputs: 1, outputs: 1, height: 1, width: 1),
        Case(inputs: 3, outputs: 5, height: 4, width: 7, residual: true),
        Case(inputs: 41, outputs: 2, height: 9, width: 33), Case(inputs: 81, outputs: 17, height: 40, width: 40),
        Case(inputs: 2, outputs: 3, height: 3, width: 600, residual: true),
        Case(inputs: 5, outputs: 4, height: 6, width: 18, stride: 2),
        Case(inputs: 40, outputs: 8, height: 66, width: 66, stride: 2, residual: true),
        Case(inputs: 7, outputs: 9, height: 31, width: 35, kernel: 1, residual: true),
    ]

    /// The sum by definition, in `Double`, for every output.
    @Test(arguments: cases.indices)
    func agreesWithTheDefinition(_ index: Int) throws {
        let c = Self.cases[index]
        let (height, width) = (c.height / c.stride, c.width / c.stride)
        func draw(_ count: Int, _ prime: Int) -> [Float] { (0..<count).map { Float(($0 * prime) % 1009) / 1009 - 0.5 } }
        let input = draw(c.inputs * c.height * c.width, 7919)
        let weights = draw(c.outputs * c.inputs * c.kernel * c.kernel, 6007)
        let bias = draw(c.outputs, 5003)
        let residual = draw(c.outputs * height * width, 4001)

        let source = FloatBuffer(count: Planes.count(channels: c.inputs, height: c.height, width: c.width))
        let planes = Planes(base: source.pointer, channels: c.inputs, height: c.height, width: c.width)
        for (i, value) in input.enumerated() { planes[i / planes.area][i % planes.area] = value }
        let result = FloatBuffer(count: Planes.count(channels: c.outputs, height: height, width: width))
        let target = Planes(base: result.pointer, channels: c.outputs, height: height, width: width)
        for (i, value) in residual.enumerated() { target[i / target.area][i % target.area] = value }
        let border = FloatBuffer(count: PaddedPlanes.count(channels: c.inputs, height: c.height, width: c.width))
        let padded = PaddedPlanes(base: border.pointer, channels: c.inputs, height: c.height, width: c.width)
        for channel in 0..<c.inputs { padded.fill(channel, from: planes[channel], Copying()) }

        let convolution = Convolution(
            weights: weights, bias: bias, inputs: c.inputs, outputs: c.outputs, kernel: c.kernel)
        let workspace = Workspace(try Reference("least").model.configuration, window: 1280, team: Team(threads: 2))
        let added = c.residual ? target : nil
        if c.kernel == 1 {
            convolution(planes, into: target, adding: added, workspace)
        } else {
            convolution(padded, into: target, stride: c.stride, adding: added, workspace)
        }

        let reach = c.kernel / 2
        var expected: [Float] = []
        for o in 0..<c.outputs {
            for y in 0..<height {
                for x in 0..<width {
                    var sum = Double(bias[o])
                    if c.residual { sum += Double(residual[(o * height + y) * width + x]) }
                    for i in 0..<c.inputs {
                        for ky in 0..<c.kernel {
                            for kx in 0..<c.kernel {
                                let (sy, sx) = (y * c.stride + ky - reach, x * c.stride + kx - reach)
                                guard 0..<c.height ~= sy, 0..<c.width ~= sx else { continue }
                                let w = weights[((o * c.inputs + i) * c.kernel + ky) * c.kernel + kx]
                                sum += Double(w) * Double(input[(i * c.height + sy) * c.width + sx])
                            }
                        }
                    }
                    expected.append(Float(sum))
                }
            }
        }
        let actual = (0..<c.outputs).flatMap { UnsafeBufferPointer(start: target[$0], count: target.area) }
        #expect(relativeError(actual, expected) < 1e-6)
    }
}
