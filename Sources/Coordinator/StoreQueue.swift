import Canvas
import Dispatch
import Pyramid
import Scheduling
import Wire

/// The one thread that reads conditions and keeps pixels: stitching, encoding and committing happen here, never on
/// the socket's thread.
///
/// Cores that arrive while a commit is under way are committed together by the next (group commit).
final class StoreQueue: Sendable {
    private struct Arrival: Sendable {
        let job: PreparedJob
        let core: Core
        let pixels: [UInt8]
        let profile: String
    }

    private let queue = DispatchQueue(label: "tessera.store", qos: .userInitiated)
    private let arrivals = Mailbox<Arrival>()
    private let keepsPixels: Bool
    private let reply: @Sendable (Command) -> Void

    /// - Parameter reply: Carries answers to the socket thread; called on the store's thread.
    init(keepsPixels: Bool = true, reply: @escaping @Sendable (Command) -> Void) {
        self.keepsPixels = keepsPixels
        self.reply = reply
    }

    /// Read the conditions of a lease's windows; answers `prepared`.
    func prepare(_ lease: Lease, of job: PreparedJob) {
        guard keepsPixels else { return reply(.prepared(lease, .success(lease.cores.map(job.blankRequest)))) }
        queue.async { [self] in
            do {
                reply(.prepared(lease, .success(try lease.cores.map(job.request(for:)))))
            } catch {
                reply(.prepared(lease, .failure(failure(error, of: job))))
            }
        }
    }

    /// Keep the pixels of a core; answers `stored` when they are committed, or `unstored`.
    ///
    /// - Parameter profile: The numeric profile of the worker that rendered them.
    func keep(_ pixels: [UInt8], of core: Core, for job: PreparedJob, profile: String) {
        guard keepsPixels else { return reply(.stored(job.id, [core])) }
        if arrivals.put(Arrival(job: job, core: core, pixels: pixels, profile: profile)) {
            queue.async { self.commit() }
        }
    }

    /// Store a job's base map, a few tiles at a time between everything else.
    func begin(_ job: PreparedJob) {
        guard keepsPixels else { return }
        queue.async {
            do {
                if try job.storeNextBase(4) { self.begin(job) }
            } catch {
                self.reply(.unstored(job.id, [], StoreFailure(error)))
            }
        }
    }

    /// Complete the overviews of a finished job; answers `finalized`.
    func finish(_ job: PreparedJob) {
        guard keepsPixels else { return reply(.finalized(job.id, nil)) }
        queue.async { [reply] in
            do {
                while try job.storeNextBase(64) {}
                try job.output.heal()
                reply(.finalized(job.id, nil))
            } catch {
                reply(.finalized(job.id, StoreFailure(error)))
            }
        }
    }

    /// Wait until everything handed in so far is done.
    func flush() {
        queue.sync {}
    }

    private func commit() {
        let batch = arrivals.takeAll()
        for (id, group) in Dictionary(grouping: batch, by: \.job.id).sorted(by: { $0.key < $1.key }) {
            guard let job = group.first?.job else { continue }
            let cores = group.map(\.core)
            do {
                for profile in Set(group.map(\.profile)) { try job.mosaic.record(profile: profile) }
                try job.mosaic.store(group.map { try job.rendered($0.core, pixels: $0.pixels) })
                try job.output.update(after: cores)
                reply(.stored(id, cores))
            } catch {
                reply(.unstored(id, cores, failure(error, of: job)))
            }
        }
    }

    /// Repair what can be, and say what happened.
    private func failure(_ error: any Error, of job: PreparedJob) -> StoreFailure {
        guard job.repair(after: error) else { return StoreFailure(error) }
        let failure = StoreFailure(error, isRepaired: true)
        reply(.repaired(job.id, done: job.doneCores(), failure))
        return failure
    }
}
