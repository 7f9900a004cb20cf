internal import Foundation
internal import Synchronization

/// Runs the parts of a computation on a fixed set of threads of its own.
///
/// The calling thread takes part, so a team of one is a plain loop. Parts are handed out in any order; a computation
/// whose parts are independent gives the same bits with every number of threads.
final class Team {
    /// The number of threads, the caller's included.
    let lanes: Int
    private let shared: SharedState?

    init(threads: Int) {
        lanes = max(1, threads)
        guard lanes > 1 else {
            shared = nil
            return
        }
        let state = SharedState()
        shared = state
        for lane in 1..<lanes {
            let thread = Thread { state.serve(lane: lane) }
            thread.name = "tessera-blas-\(lane)"
            thread.stackSize = 1 << 20
            thread.start()
        }
    }

    deinit {
        shared?.stop()
    }

    /// Call `body` with every index below `count` and the lane (below ``lanes``) it runs on; return when all are done.
    ///
    /// At one time a lane runs one part, so scratch memory may be kept per lane. Not reentrant.
    func forEach(_ count: Int, _ body: (_ index: Int, _ lane: Int) -> Void) {
        if let shared, count > 1 {
            shared.run(count, helpers: lanes - 1, body)
        } else {
            for index in 0..<count { body(index, 0) }
        }
    }
}

/// What the threads of a team share.
///
/// `@unchecked Sendable`: `job`, `generation`, `running` and `stopped` are touched only with `condition` held, except
/// that threads read the job's closure while `run` waits for them.
private final class SharedState: @unchecked Sendable {
    private struct Job {
        let count: Int
        let body: (Int, Int) -> Void
    }

    private let condition = NSCondition()
    private let next = Atomic<Int>(0)
    private var job: Job?
    private var generation = 0
    private var running = 0
    private var stopped = false

    func run(_ count: Int, helpers: Int, _ body: (Int, Int) -> Void) {
        withoutActuallyEscaping(body) { body in
            let job = Job(count: count, body: body)
            condition.lock()
            next.store(0, ordering: .relaxed)
            self.job = job
            generation += 1
            running = helpers
            condition.broadcast()
            condition.unlock()
            work(job, lane: 0)
            condition.lock()
            while running > 0 { condition.wait() }
            self.job = nil
            condition.unlock()
        }
    }

    func serve(lane: Int) {
        var seen = 0
        while takePart(lane: lane, seen: &seen) {
            condition.lock()
            running -= 1
            if running == 0 { condition.broadcast() }
            condition.unlock()
        }
    }

    /// Wait for the next job and work on it; false at the end. On return this thread holds no reference to the job.
    private func takePart(lane: Int, seen: inout Int) -> Bool {
        condition.lock()
        while generation == seen && !stopped { condition.wait() }
        seen = generation
        let current = stopped ? nil : job
        condition.unlock()
        guard let current else { return false }
        work(current, lane: lane)
        return true
    }

    private func work(_ job: Job, lane: Int) {
        while case let index = next.wrappingAdd(1, ordering: .relaxed).oldValue, index < job.count {
            job.body(index, lane)
        }
    }

    func stop() {
        condition.lock()
        stopped = true
        condition.broadcast()
        condition.unlock()
    }
}
