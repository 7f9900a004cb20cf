internal import Denoiser
internal import Diffusion
internal import Foundation
internal import Synchronization
internal import Wire

/// What the compute thread tells the I/O thread.
enum ComputeEvent: Sendable {
    case step(Batch, finished: Int, steps: Int)
    /// The pixels of each window; nil where they are no numbers.
    case done(Batch, pixels: [[UInt8]?], seconds: Double)
    case failed(Batch, Failure.Kind, reason: String)
    /// The model's file is not what its name says.
    case wrongModel(Batch, reason: String)
    case stopped(Batch)
}

/// What the compute thread has done, for heartbeats.
struct ComputeCounters: Sendable {
    var windows: UInt64 = 0
    var steps: UInt64 = 0
}

/// Carries events to the I/O thread and wakes it.
final class ComputeReports: Sendable {
    private struct State {
        var events: [ComputeEvent] = []
        var counters = ComputeCounters()
    }

    private let state = Mutex(State())
    private let wakeUp: WakeUp

    init(wakeUp: WakeUp) {
        self.wakeUp = wakeUp
    }

    var counters: ComputeCounters { state.withLock { $0.counters } }

    func count(windows: Int = 0, steps: Int = 0) {
        state.withLock {
            $0.counters.windows += UInt64(windows)
            $0.counters.steps += UInt64(steps)
        }
    }

    func post(_ event: ComputeEvent) {
        state.withLock { $0.events.append(event) }
        wakeUp.wake()
    }

    func take() -> [ComputeEvent] {
        state.withLock { state in
            defer { state.events = [] }
            return state.events
        }
    }
}

/// The thread that runs trajectories, one batch after the other; engines live and die here.
struct ComputeThread {
    private struct Stopped: Error {}
    private struct WrongModel: Error {
        var reason: String
    }

    private let queue: WorkQueue
    private let reports: ComputeReports
    private let batch: Int
    private let profile: String
    private let makeEngine: WorkerOptions.EngineFactory
    private var renderer: WindowRenderer?
    private var model: ModelDigest?

    /// Start the thread; it ends when the queue is closed.
    static func start(queue: WorkQueue, reports: ComputeReports, options: WorkerOptions) {
        let thread = Thread {
            var compute = ComputeThread(queue: queue, reports: reports, options: options)
            while let batch = queue.take(limit: options.batch) {
                let event = compute.run(batch)
                queue.finish()
                reports.post(event)
            }
        }
        thread.name = "tessera-compute"
        thread.stackSize = 8 << 20
        thread.start()
    }

    private init(queue: WorkQueue, reports: ComputeReports, options: WorkerOptions) {
        self.queue = queue
        self.reports = reports
        batch = options.batch
        profile = options.profile
        makeEngine = options.makeEngine
    }

    private mutating func run(_ batch: Batch) -> ComputeEvent {
        let start = ContinuousClock.now
        do {
            let renderer = try renderer(for: batch)
            if queue.isStopped { throw Stopped() }
            let steps = renderer.steps
            let pixels = try renderer.render(batch.windows.map(\.request)) { finished in
                reports.count(steps: batch.windows.count)
                if queue.isStopped { throw Stopped() }
                reports.post(.step(batch, finished: finished, steps: steps))
            }
            reports.count(windows: batch.windows.count)
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            return .done(batch, pixels: pixels, seconds: seconds / Double(batch.windows.count))
        } catch is Stopped {
            return .stopped(batch)
        } catch let error as WrongModel {
            return .wrongModel(batch, reason: error.reason)
        } catch {
            return .failed(batch, Self.kind(of: error), reason: "\(error)")
        }
    }

    private mutating func renderer(for batch: Batch) throws -> WindowRenderer {
        if let renderer, renderer.job == batch.job { return renderer }
        let engine: any DenoisingEngine
        if let renderer, model == batch.job.model {
            engine = renderer.engine
        } else {
            // One model's weights at a time.
            renderer = nil
            model = nil
            engine = try open(batch)
        }
        let fresh = try WindowRenderer(engine: engine, job: batch.job)
        renderer = fresh
        model = batch.job.model
        return fresh
    }

    private func open(_ batch: Batch) throws -> any DenoisingEngine {
        let file: ModelFile
        do {
            file = try ModelFile(contentsOf: batch.model)
        } catch let error as SafetensorsError {
            // The right bytes that are no model are the coordinator's affair, other bytes are this machine's.
            if let actual = try? ModelStore.digest(of: batch.model), actual == batch.job.model { throw error }
            throw WrongModel(reason: "\(error)")
        }
        guard file.digest == batch.job.model.hex else {
            throw WrongModel(reason: "\(batch.model.path) has SHA-256 \(file.digest), not \(batch.job.model)")
        }
        let engine = try makeEngine(file)
        guard engine.profile == profile else {
            throw WorkerError("the engine's numeric profile is \(engine.profile), not \(profile)")
        }
        return engine
    }

    private static func kind(of error: any Error) -> Failure.Kind {
        switch error {
        case is SafetensorsError, is ModelConfigurationError, is RenderError, is EngineError, is DiffusionError,
            is WireError:
            .model
        default:
            .environment
        }
    }
}
