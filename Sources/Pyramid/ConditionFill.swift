/// Fills holes of a picture from its other pixels: pull–push over a pyramid of averages, in integers.
///
/// (Gortler et al., "The Lumigraph", SIGGRAPH 1996, section 3.4.) Pixels that are there keep their values.
enum ConditionFill {
    private struct Layer {
        var width: Int
        var height: Int
        /// Red, green, blue.
        var colours: [Int32]
        var isKnown: [Bool]
    }

    /// Return RGB of an RGBA picture with its transparent pixels filled; mid grey where all are.
    static func filled(_ rgba: [UInt8], width: Int, height: Int) -> [UInt8] {
        var layer = Layer(
            width: width, height: height, colours: [], isKnown: (0..<width * height).map { rgba[4 * $0 + 3] != 0 })
        layer.colours.reserveCapacity(width * height * 3)
        for index in 0..<width * height {
            for c in 0..<3 { layer.colours.append(Int32(rgba[4 * index + c])) }
        }
        if layer.isKnown.contains(false) {
            guard layer.isKnown.contains(true) else { return [UInt8](repeating: 128, count: width * height * 3) }
            fill(&layer)
        }
        return layer.colours.map { UInt8(clamping: $0) }
    }

    private static func fill(_ layer: inout Layer) {
        guard layer.isKnown.contains(false) else { return }
        var coarse = pull(layer)
        fill(&coarse)
        push(coarse, into: &layer)
    }

    /// Return a layer of half the size: the mean of the known pixels of each 2 × 2.
    private static func pull(_ fine: Layer) -> Layer {
        let width = (fine.width + 1) / 2
        let height = (fine.height + 1) / 2
        var coarse = Layer(
            width: width, height: height, colours: [Int32](repeating: 0, count: width * height * 3),
            isKnown: [Bool](repeating: false, count: width * height))
        for y in 0..<height {
            for x in 0..<width {
                var sum = SIMD4<Int32>()
                for fy in 2 * y..<min(2 * y + 2, fine.height) {
                    for fx in 2 * x..<min(2 * x + 2, fine.width) where fine.isKnown[fy * fine.width + fx] {
                        let at = 3 * (fy * fine.width + fx)
                        sum &+= SIMD4(fine.colours[at], fine.colours[at + 1], fine.colours[at + 2], 1)
                    }
                }
                guard sum.w > 0 else { continue }
                let at = y * width + x
                coarse.isKnown[at] = true
                for c in 0..<3 { coarse.colours[3 * at + c] = (sum[c] + sum.w / 2) / sum.w }
            }
        }
        return coarse
    }

    /// Set the unknown pixels to the coarse layer, interpolated with weights 9 : 3 : 3 : 1.
    private static func push(_ coarse: Layer, into fine: inout Layer) {
        for y in 0..<fine.height {
            let nearY = y / 2
            let farY = min(max(y % 2 == 0 ? nearY - 1 : nearY + 1, 0), coarse.height - 1)
            for x in 0..<fine.width where !fine.isKnown[y * fine.width + x] {
                let nearX = x / 2
                let farX = min(max(x % 2 == 0 ? nearX - 1 : nearX + 1, 0), coarse.width - 1)
                for c in 0..<3 {
                    func at(_ cx: Int, _ cy: Int) -> Int32 { coarse.colours[3 * (cy * coarse.width + cx) + c] }
                    let sum = 9 * at(nearX, nearY) + 3 * at(farX, nearY) + 3 * at(nearX, farY) + at(farX, farY)
                    fine.colours[3 * (y * fine.width + x) + c] = (sum + 8) / 16
                }
            }
        }
    }
}
