import Denoiser
import Foundation
import Synchronization

/// An engine whose predictions a closure gives, window by window.
final class FunctionEngine: DenoisingEngine {
    /// Gets x, the condition and the constants of one window, and the timestep; returns v.
    typealias Function = (_ x: [Float], _ condition: [Float], _ constants: [Float], _ timestep: Int) throws -> [Float]

    let profile = "test/function"
    let configuration: ModelConfiguration
    let function: Function
    let onStep: (_ count: Int) throws -> Void

    init(
        _ configuration: ModelConfiguration, function: @escaping Function = FunctionEngine.mixture,
        onStep: @escaping (_ count: Int) throws -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.function = function
        self.onStep = onStep
    }

    func begin(
        conditions: [Float], constants: [Float], count: Int, window: Int
    ) throws -> any DenoisingTrajectory {
        try configuration.checkBatch(
            conditions: conditions.count, constants: constants.count, count: count, window: window)
        return Trajectory(self, conditions, constants, count, window)
    }

    /// A prediction in which every input has a part.
    static func mixture(_ x: [Float], _ condition: [Float], _ constants: [Float], _ timestep: Int) -> [Float] {
        let shift = constants[0] * 0.01 + Float(timestep) * 0.0001
        return x.indices.map { 0.4 * x[$0] - 0.3 * condition[$0 % condition.count] + shift }
    }

    private final class Trajectory: DenoisingTrajectory {
        let engine: FunctionEngine
        let conditions: [Float]
        let constants: [Float]
        let count: Int
        let window: Int

        init(_ engine: FunctionEngine, _ conditions: [Float], _ constants: [Float], _ count: Int, _ window: Int) {
            self.engine = engine
            self.conditions = conditions
            self.constants = constants
            self.count = count
            self.window = window
        }

        func predict(
            _ x: UnsafeBufferPointer<Float>, timestep: Float, into output: UnsafeMutableBufferPointer<Float>
        ) throws {
            try engine.configuration.checkStep(input: x.count, output: output.count, count: count, window: window)
            try engine.onStep(count)
            let (size, part, scalars) = (x.count / count, conditions.count / count, constants.count / count)
            for i in 0..<count {
                let v = try engine.function(
                    Array(x[i * size..<(i + 1) * size]), Array(conditions[i * part..<(i + 1) * part]),
                    Array(constants[i * scalars..<(i + 1) * scalars]), Int(timestep))
                for j in 0..<size { output[i * size + j] = v[j] }
            }
        }
    }
}

/// Holds the compute thread at the start of a step until the test lets it go.
final class Gate: Sendable {
    private struct State {
        var arrived = 0
        var open = false
    }

    private let state = Mutex(State())
    private let semaphore = DispatchSemaphore(value: 0)

    /// Called by the engine.
    func pass() {
        let wait = state.withLock { state in
            state.arrived += 1
            return !state.open
        }
        if wait { semaphore.wait() }
    }

    var arrived: Int { state.withLock { $0.arrived } }

    /// Let the step at the gate and all later ones pass.
    func open() {
        state.withLock { $0.open = true }
        semaphore.signal()
    }
}
