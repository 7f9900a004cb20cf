internal import CKernels
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
    private let kernel: Kernel

    init(_ model: ModelFile, _ name: String, channels: Int, kernel: Kernel) throws {
        self.kernel = kernel
        heads = model.configuration.heads(width: channels)
        norm = try GroupNormalisation(model, name + ".norm", channels: channels)
        qkv = try Convolution(model, name + ".qkv", segments: [channels], size: 1, kernel: kernel)
        projection = try Convolution(model, name + ".projection", segments: [channels], size: 1, kernel: kernel)
    }

    /// The queries of one block over images of `positions` pixels.
    static func queries(positions: Int) -> Int { min(positions, max(16, (1 << 18) / positions)) }

    /// The floats of scratch that one lane needs: for each query of a block its scores, its result and
    /// a sum.
    static func scratchCount(positions: Int, channels: Int) -> Int {
        queries(positions: positions) * (positions + channels + 1)
    }

    /// Add attention to the image in place.
    func callAsFunction(_ image: Image, _ workspace: Workspace) {
        let (channels, positions) = (image.channels, image.area)
        let operand = workspace.operand(blocks: image.blocks, height: image.height, width: image.width)
        norm.apply(.identity, Joined(image), into: operand, workspace)
        let all = workspace.attentionImage(channels: 3 * channels, height: image.height, width: image.width)
        qkv(operand, into: all, workspace)

        let depth = channels / heads
        let rows = workspace.attentionRows.pointer
        workspace.team.forEach(3 * heads) { index, _ in
            Self.gather(all, from: index * depth, count: depth, into: rows + index * positions * depth)
        }
        let result = workspace.hidden(channels: channels, height: image.height, width: image.width)
        if channels % channelBlock != 0 {
            result.block(result.blocks - 1).update(repeating: 0, count: positions * channelBlock)
        }
        let block = Self.queries(positions: positions)
        let blocks = (positions + block - 1) / block
        let size = positions * depth
        workspace.team.forEach(heads * blocks) { index, lane in
            let (head, part) = index.quotientAndRemainder(dividingBy: blocks)
            let range = part * block..<min(positions, (part + 1) * block)
            attend(
                query: rows + head * size, key: rows + (heads + head) * size, value: rows + (2 * heads + head) * size,
                range, positions: positions, depth: depth, into: result, channel: head * depth,
                scratch: workspace.scores[lane].pointer)
        }
        projection(workspace.operand(of: result), into: image, adding: image, workspace)
    }

    /// One block of queries of one head: softmax(query · keyᵀ / √depth) · value.
    private func attend(
        query: UnsafePointer<Float>, key: UnsafePointer<Float>, value: UnsafePointer<Float>, _ range: Range<Int>,
        positions: Int, depth: Int, into target: Image, channel: Int, scratch: UnsafeMutablePointer<Float>
    ) {
        let (n, d, q) = (blasint(positions), blasint(depth), blasint(range.count))
        let result = scratch + range.count * positions
        cblas_sgemm(
            CblasRowMajor, CblasNoTrans, CblasTrans, q, n, d, 1 / Float(depth).squareRoot(),
            query + range.lowerBound * depth, d, key, d, 0, scratch, n)
        let sums = result + range.count * depth
        for row in 0..<range.count {
            sums[row] = tessera_exponentiate(kernel.code, scratch + row * positions, Int64(positions))
        }
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, q, d, n, 1, scratch, n, value, d, 0, result, d)
        for (row, position) in range.enumerated() {
            map(Affine(scale: 1 / sums[row], shift: 0), result + row * depth, result + row * depth, depth)
            Self.forEachRun(channel, depth) { offset, block, first, count in
                (target.block(block) + position * channelBlock + first).update(
                    from: result + row * depth + offset, count: count)
            }
        }
    }

    /// Copy some channels into rows, one for each position.
    private static func gather(
        _ image: Image, from channel: Int, count: Int, into rows: UnsafeMutablePointer<Float>
    ) {
        forEachRun(channel, count) { offset, block, first, run in
            let source = image.block(block) + first
            for position in 0..<image.area {
                (rows + position * count + offset).update(from: source + position * channelBlock, count: run)
            }
        }
    }

    /// Cut a range of channels at the borders of channel blocks.
    @inline(__always)
    private static func forEachRun(
        _ channel: Int, _ count: Int, _ body: (_ offset: Int, _ block: Int, _ first: Int, _ count: Int) -> Void
    ) {
        var offset = 0
        while offset < count {
            let (block, first) = (channel + offset).quotientAndRemainder(dividingBy: channelBlock)
            let run = min(channelBlock - first, count - offset)
            body(offset, block, first, run)
            offset += run
        }
    }
}
