import Canvas
import Pyramid
import Synchronization

/// A mosaic being written, and the builders of its overviews, which know the regions of all its jobs.
///
/// Overviews of the finest level are the product. Those of the coarser levels, down to the base map, are what there is
/// to see at small scales until then.
final class OpenMosaic: Sendable {
    private struct Plans {
        var planned: [CoreSet]
        var builders: [OverviewBuilder] = []
    }

    let mosaic: Mosaic
    private let plans: Mutex<Plans>

    init(_ mosaic: Mosaic) {
        self.mosaic = mosaic
        plans = Mutex(Plans(planned: (0...mosaic.levels).map { _ in .empty }))
    }

    /// Count a plan's cores as planned.
    func add(_ plan: Plan) throws {
        try plans.withLock { plans in
            plans.planned = zip(plans.planned, plan.sets).map { $0.union($1) }
            plans.builders = try plans.planned.enumerated().map {
                try OverviewBuilder(mosaic: mosaic, level: $0.offset, planned: $0.element)
            }
        }
    }

    /// Build the overviews that cores just stored make final.
    func update(after cores: [Core]) throws {
        for builder in plans.withLock({ $0.builders }) { try builder.update(after: cores) }
    }

    /// Build every overview that is missing or out of date although its children are final.
    func heal() throws {
        for builder in plans.withLock({ $0.builders }) { try builder.heal() }
    }
}
