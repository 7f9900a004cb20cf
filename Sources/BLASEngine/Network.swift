internal import Denoiser

/// All layers of a model.
struct Network {
    let encoder: ConditionEncoder
    let unet: UNet
    private let timestep: ScalarEmbedding
    private let constants: [ScalarEmbedding]
    private let scratch: FloatBuffer

    init(_ model: ModelFile, kernel: Kernel) throws {
        encoder = try ConditionEncoder(model, kernel: kernel)
        unet = try UNet(model, kernel: kernel)
        let index = model.configuration.timestepIndex
        timestep = try ScalarEmbedding(model, index: index)
        constants = try model.configuration.scalars.indices.filter { $0 != index }.map {
            try ScalarEmbedding(model, index: $0)
        }
        scratch = FloatBuffer(count: model.configuration.embedding)
    }

    func embedTimestep(_ value: Float, into target: UnsafeMutablePointer<Float>) {
        timestep(value, into: target)
    }

    /// Sum the embeddings of the constant scalars.
    func embedConstants(_ values: UnsafePointer<Float>, into target: UnsafeMutablePointer<Float>) {
        target.update(repeating: 0, count: scratch.count)
        for (index, embedding) in constants.enumerated() {
            embedding(values[index], into: scratch.pointer)
            addScaled(target, scratch.pointer, factor: 1, into: target, count: scratch.count)
        }
    }
}
