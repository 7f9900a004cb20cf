/// How a sampler spreads its steps over the training steps.
public enum TimestepSpacing: String, Hashable, Sendable, Codable, CaseIterable {
    /// Even in the training step.
    case timestep = "t"
    /// Even in λ, the logarithm of the signal-to-noise ratio (Lu et al. 2022, section 3.3): better with few steps.
    case logSNR = "logsnr"

    /// Return the training steps to visit, strictly decreasing; all but a single one end at 0.
    ///
    /// - Parameter count: 1 … `schedule.steps`.
    /// - Complexity: O(schedule.steps).
    func timesteps(_ count: Int, of schedule: NoiseSchedule) -> [Int] {
        switch self {
        case .timestep: Self.evenly(count, of: schedule.steps)
        case .logSNR: Self.evenlyInLogSNR(count, of: schedule)
        }
    }

    /// Return round(linspace(total − 1, 0, count)), halves up; strictly decreasing for count ≤ total.
    static func evenly(_ count: Int, of total: Int) -> [Int] {
        let intervals = count - 1
        guard intervals > 0 else { return [total - 1] }
        return (0...intervals).map { (2 * (total - 1) * (intervals - $0) + intervals) / (2 * intervals) }
    }

    /// Return the training steps whose λ are nearest to linspace(λ of the last, λ of step 0, count).
    ///
    /// The smaller of two as near; and where several would be the same step, the nearest that keeps all different.
    static func evenlyInLogSNR(_ count: Int, of schedule: NoiseSchedule) -> [Int] {
        let levels = schedule.alphaBar.map { NoiseLevel(alphaBar: $0).lambda }
        let (noisy, clean) = (levels[levels.count - 1], levels[0])
        var visited = [levels.count - 1]
        for index in 1..<max(1, count) {
            let target = noisy + (clean - noisy) * Double(index) / Double(count - 1)
            // λ falls with the step, so its distance to the target falls and then rises.
            var nearest = visited[index - 1] - 1
            let least = count - 1 - index
            while nearest > least, abs(levels[nearest - 1] - target) <= abs(levels[nearest] - target) { nearest -= 1 }
            visited.append(nearest)
        }
        return visited
    }
}
