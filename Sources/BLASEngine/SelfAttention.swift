internal import COpenBLAS
internal import Denoiser

/// Self-attention over the positions of an image, inside a residual connection.
///
/// Queries are taken in blocks, so that the scores of one block against all keys stay near 1 MiB; the whole
/// positions × positions matrix never exists.
struct SelfAttention {
    private let heads: Int
    private let norm: GroupNormalisation
    private let qkv: Convolution
    private let projection: Convolution

    init(_ model: ModelFile, _ name: String, channels: Int) throws {
        heads = model.configuration.heads(width: channels)
        norm = try GroupNormalisation(model, name + ".norm", channels: channels)
        qkv = try Convolution(model, name + ".qkv", inputs: channels, outputs: 3 * channels, kernel: 1)
        projection = try Convolution(model, name + ".projection", inputs: channels, outputs: channels, kernel: 1)
    }

    /// The queries of one block over images of `positions` pixels.
    static func queries(positions: Int) -> Int { min(positions, max(16, (1 << 18) / positions)) }

    /// The floats of score scratch that one lane needs: a row for each query, and a sum for each.
    static func scratchCount(positions: Int) -> Int { queries(positions: positions) * (positions + 1) }

    /// Add attention to the planes in place.
    func callAsFunction(_ image: Planes, _ workspace: Workspace) {
        let (channels, positions) = (image.channels, image.area)
        let normalised = workspace.hidden(channels: channels, height: image.height, width: image.width)
        let all = workspace.attention(channels: 3 * channels, height: image.height, width: image.width)
        norm.apply(image, into: normalised, workspace)
        qkv(normalised, into: all, workspace)
        let depth = channels / heads
        let block = Self.queries(positions: positions)
        let blocks = (positions + block - 1) / block
        workspace.team.forEach(heads * blocks) { index, lane in
            let first = index / blocks * depth
            let offset = index % blocks * block
            attend(
                query: all[first] + offset, key: all[channels + first], value: all[2 * channels + first],
                into: normalised[first] + offset, stride: all.stride, depth: depth, positions: positions,
                queries: min(block, positions - offset), scores: workspace.scores[lane].pointer)
        }
        projection(normalised, into: image, adding: image, workspace)
    }

    /// One block of queries of one head: target = value · softmax(keyᵀ · query / √depth).
    private func attend(
        query: UnsafePointer<Float>, key: UnsafePointer<Float>, value: UnsafePointer<Float>,
        into target: UnsafeMutablePointer<Float>, stride: Int, depth: Int, positions: Int, queries: Int,
        scores: UnsafeMutablePointer<Float>
    ) {
        let (n, d, q, ld) = (blasint(positions), blasint(depth), blasint(queries), blasint(stride))
        cblas_sgemm(
            CblasRowMajor, CblasTrans, CblasNoTrans, q, n, d, 1 / Float(depth).squareRoot(), query, ld, key, ld, 0,
            scores, n)
        let inverses = scores + queries * positions
        for row in 0..<queries {
            inverses[row] = 1 / exponentiate(scores + row * positions, count: positions)
        }
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, d, q, n, 1, value, ld, scores, n, 0, target, ld)
        for channel in 0..<depth {
            let row = target + channel * stride
            for i in 0..<queries { row[i] *= inverses[i] }
        }
    }

    /// Replace scores by e^(score − maximum) and return their sum.
    private func exponentiate(_ scores: UnsafeMutablePointer<Float>, count: Int) -> Float {
        var maxima = Vector(repeating: scores[0])
        var i = 0
        while i + 16 <= count {
            let x = load(scores + i)
            maxima.replace(with: x, where: x .> maxima)
            i += 16
        }
        var maximum = maxima.max()
        while i < count {
            maximum = max(maximum, scores[i])
            i += 1
        }
        map(ShiftedExponential(shift: maximum), scores, scores, count)
        return Float(Moments.sum(scores, count: count))
    }
}

/// eˣ⁻ˢʰⁱᶠᵗ.
private struct ShiftedExponential: ElementwiseOperation {
    let shift: Float
    @inline(__always) func callAsFunction(_ x: Vector) -> Vector { exponential(x - shift) }
}

extension Moments {
    /// The sum of consecutive values, carried in `Double` every 1024.
    static func sum(_ values: UnsafePointer<Float>, count: Int) -> Double {
        var total = 0.0
        var i = 0
        while i + 16 <= count {
            let end = min(i + 1024, count & ~15)
            var sum = Vector.zero
            while i < end {
                sum += load(values + i)
                i += 16
            }
            total += Double(sum.sum())
        }
        while i < count {
            total += Double(values[i])
            i += 1
        }
        return total
    }
}
