import Denoiser
import Testing

@testable import BLASEngine

/// A window's bits depend on nothing but the model, the window's inputs and the numeric profile.
struct InvarianceTests {
    /// Batch inputs that differ from window to window.
    private struct Batch {
        let window: Int
        let count: Int
        let image: [Float]
        let coarse: [Float]
        let constants: [Float]

        init(_ model: ModelConfiguration, window: Int, count: Int) {
            self.window = window
            self.count = count
            let side = window / model.factor
            var state: UInt32 = 1
            func draw(_ count: Int) -> [Float] {
                (0..<count).map { _ in
                    state = state &* 1_664_525 &+ 1_013_904_223
                    return Float(state >> 8) * 0x1p-23 - 1
                }
            }
            image = draw(count * model.imageChannels * window * window)
            coarse = draw(count * model.imageChannels * side * side)
            constants = draw(count * (model.scalars.count - 1))
        }

        func part<Element>(_ values: [Element], _ index: Int) -> [Element] {
            let size = values.count / count
            return Array(values[index * size..<(index + 1) * size])
        }
    }

    private static func bits(_ values: [Float]) -> [UInt32] { values.map(\.bitPattern) }

    @Test(arguments: Reference.names, Kernel.available)
    func neitherBatchNorThreadsChangeABit(_ name: String, _ kernel: Kernel) throws {
        let model = try Reference(name).model
        let window = 64
        let batch = Batch(model.configuration, window: window, count: 5)
        let single = try BLASEngine(model: model, kernel: kernel)
        let expected = try (0..<batch.count).map { index in
            let trajectory = try single.begin(
                conditions: batch.part(batch.coarse, index), constants: batch.part(batch.constants, index), count: 1,
                window: window)
            return Self.bits(try trajectory.predict(batch.part(batch.image, index), timestep: 417))
        }
        #expect(Set(expected).count == batch.count)
        for threads in 1...3 {
            let engine = try BLASEngine(model: model, threads: threads, kernel: kernel)
            #expect(engine.profile == single.profile)
            let trajectory = try engine.begin(
                conditions: batch.coarse, constants: batch.constants, count: batch.count, window: window)
            for _ in 0..<2 {
                let output = try trajectory.predict(batch.image, timestep: 417)
                for index in 0..<batch.count {
                    #expect(
                        Self.bits(batch.part(output, index)) == expected[index], "threads \(threads), window \(index)")
                }
            }
        }
    }

    @Test func trajectoriesOfOneEngineDoNotDisturbEachOther() throws {
        let model = try Reference("attention").model
        let engine = try BLASEngine(model: model, threads: 2)
        let batches = [
            Batch(model.configuration, window: 64, count: 1), Batch(model.configuration, window: 32, count: 3),
        ]
        func begin(_ batch: Batch) throws -> any DenoisingTrajectory {
            try engine.begin(
                conditions: batch.coarse, constants: batch.constants, count: batch.count, window: batch.window)
        }
        let alone = try batches.map { batch in
            let trajectory = try begin(batch)
            return try [900, 3.5].map { Self.bits(try trajectory.predict(batch.image, timestep: $0)) }
        }
        let trajectories = try batches.map(begin)
        for (step, timestep) in [(1, Float(3.5)), (0, 900), (1, 3.5)] {
            for (index, trajectory) in trajectories.enumerated() {
                #expect(
                    Self.bits(try trajectory.predict(batches[index].image, timestep: timestep)) == alone[index][step])
            }
        }
    }

    @Test func inputsThatAreNotFiniteDoNotCrash() throws {
        let model = try Reference("attention").model
        var batch = Batch(model.configuration, window: 32, count: 1).image
        batch[0] = .nan
        batch[1] = .infinity
        batch[2] = .greatestFiniteMagnitude
        let constants = [Float](repeating: .infinity, count: model.configuration.scalars.count - 1)
        let engine = try BLASEngine(model: model)
        let trajectory = try engine.begin(
            conditions: [Float](repeating: -.infinity, count: 3 * 64), constants: constants, count: 1, window: 32)
        let output = try trajectory.predict(batch, timestep: .infinity)
        let spoiled = output.contains { $0.isNaN }
        #expect(spoiled)
        // What they leave in the workspace does not spoil the next window.
        let next = try engine.begin(
            conditions: [Float](repeating: 0.5, count: 3 * 64), constants: constants.map { _ in 0.5 }, count: 1,
            window: 32)
        let finite = try next.predict([Float](repeating: 0.25, count: 3 * 32 * 32), timestep: 1).allSatisfy(\.isFinite)
        #expect(finite)
    }

    @Test func kernelsThatTheMachineLacksAreRefused() throws {
        let model = try Reference("least").model
        for kernel in Kernel.allCases where !kernel.isAvailable {
            #expect(throws: EngineError.self) { try BLASEngine(model: model, kernel: kernel) }
        }
        for kernel in Kernel.available {
            let profile = try BLASEngine(model: model, kernel: kernel).profile
            #expect(profile == "blas/\(kernel.rawValue)/\(BLASRuntime.coreName)-\(BLASRuntime.version)")
        }
    }

    @Test func sizesThatDoNotFitAreRefused() throws {
        let model = try Reference("least").model
        let engine = try BLASEngine(model: model)
        for (values, count, window) in [
            (192, 1, 31), (192, 0, 32), (191, 1, 32), (192, 2, 32), (0, 1, 0), (192, 1, .max),
        ] {
            #expect(throws: EngineError.self) {
                try engine.begin(
                    conditions: [Float](repeating: 0, count: values), constants: [], count: count, window: window)
            }
        }
        #expect(throws: EngineError.self) {
            try engine.begin(conditions: [Float](repeating: 0, count: 192), constants: [1], count: 1, window: 32)
        }
        let trajectory = try engine.begin(
            conditions: [Float](repeating: 0, count: 192), constants: [], count: 1, window: 32)
        #expect(throws: EngineError.self) { try trajectory.predict([Float](repeating: 0, count: 3071), timestep: 0) }
    }
}
