import Canvas
import Pyramid
import Synchronization

/// A mosaic being written, and the builder of its overviews, which knows the regions of all its jobs.
final class OpenMosaic: Sendable {
    let mosaic: Mosaic
    private let plan: Mutex<(planned: CoreSet, builder: OverviewBuilder)>

    init(_ mosaic: Mosaic) throws {
        self.mosaic = mosaic
        plan = Mutex((.empty, try OverviewBuilder(mosaic: mosaic, level: mosaic.levels, planned: .empty)))
    }

    /// Count a region's cores of the finest level as planned.
    func add(_ cores: CoreSet) throws {
        try plan.withLock { plan in
            let planned = plan.planned.union(cores)
            plan = (planned, try OverviewBuilder(mosaic: mosaic, level: mosaic.levels, planned: planned))
        }
    }

    var overviews: OverviewBuilder { plan.withLock { $0.builder } }
}
