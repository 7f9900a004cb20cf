import Canvas
import Scheduling

/// What goes over the simulated network; as the wire's messages, without the pixels.
enum ToCoordinator: Sendable {
    case hello(version: Int, batch: Int, identity: UInt64)
    case credit(Int)
    case heartbeat
    case progress(LeaseReference)
    case result(LeaseReference, Core, pixels: UInt64, isChecked: Bool)
    case failed(LeaseReference, [Core], FailureKind)
    case bye
}

enum ToWorker: Sendable {
    case welcome
    /// Another protocol version: the worker gives up. Otherwise: register first.
    case refuse(forGood: Bool)
    case assign(Lease)
    case revoke(LeaseReference)
    case heartbeat
    case drain
}

/// What happens at a time of its own.
enum Occurrence: Sendable {
    case up(peer: Int, ToCoordinator)
    case down(peer: Int, ToWorker)
    case worker(Int, life: Int, WorkerAlarm)
    case coordinator(life: Int, CoordinatorAlarm)
    case heal(worker: Int)
    case kill(worker: Int, process: UInt64)
    case restart
}

enum WorkerAlarm: Sendable {
    case start
    case register
    case tick
    /// The batch at hand is done.
    case computed(Int)
}

enum CoordinatorAlarm: Sendable {
    case tick
    case committed
}

/// The pixels a window has, whoever renders it.
func pixels(of core: Core, job: JobID) -> UInt64 {
    var random = SplitMix(
        state: UInt64(bitPattern: core.column &* 31 &+ core.row) ^ UInt64(core.level) << 60 ^ UInt64(job.utf8.count))
    return random.next()
}
