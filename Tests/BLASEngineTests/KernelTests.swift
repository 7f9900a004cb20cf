import CKernels
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

    @Test(arguments: Kernel.available, [1, 5, 16, 47, 1024, 1040, 5000])
    func softmaxAgreesWithTheDefinition(_ kernel: Kernel, _ count: Int) {
        var values = (0..<count).map { Float(($0 * 7919) % 1013) / 50 - 30 }
        let maximum = Double(values.max() ?? 0)
        let expected = values.map { exp(Double($0) - maximum) }
        let sum = tessera_exponentiate(kernel.code, &values, Int64(count))
        #expect(abs(Double(sum) - expected.reduce(0, +)) <= 1e-6 * Double(sum))
        #expect(zip(values, expected).allSatisfy { abs(Double($0) - $1) <= 1e-6 * $1 })
    }

    @Test func momentsOfPartsJoinToThoseOfTheWhole() {
        let values = (0..<1000).map { 1000 + Double(($0 * 7919) % 1013) / 1013 }
        func moments(_ values: ArraySlice<Double>) -> Moments {
            let mean = values.reduce(0, +) / Double(max(1, values.count))
            let deviation = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
            return Moments(count: Double(values.count), mean: mean, deviation: deviation)
        }
        let expected = moments(values[...])
        var whole = Moments()
        for part in [0..<1, 1..<1, 1..<400, 400..<1000] { whole.merge(moments(values[part])) }
        #expect(whole.count == 1000)
        #expect(abs(whole.mean - expected.mean) <= 1e-9 * expected.mean)
        #expect(abs(whole.deviation - expected.deviation) <= 1e-9 * expected.deviation)
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
        #expect(BLASRuntime.profile(.avx2).hasPrefix("blas/avx2/" + BLASRuntime.coreName))
        #expect(Kernel.available.contains(.fastest))
        #expect(Kernel.fastest(.bf16) == nil || Kernel.fastest(.bf16) == .amxBF16)
    }
}
