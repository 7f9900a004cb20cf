import Denoiser
import Foundation
import Testing

/// The configuration of a small model, its keys changeable.
private func configuration(_ changes: [String: Any] = [:]) throws -> Data {
    let base = """
        {"format":"tessera-model","version":1,"name":"small","image_channels":3,"factor":4,"unshuffle":2,
        "widths":[8,16],"blocks":[1,2],"attention":[false,true],"head_channels":8,"groups":4,"embedding":6,"sinusoid":4,
        "encoder":{"channels":4,"blocks":1,"growth":2},"scalars":[{"name":"timestep","scale":1},
        {"name":"log2_resolution","scale":80.0}],"prediction":"v",
        "schedule":{"type":"linear","beta_start":0.0015,"beta_end":0.0155,"steps":1000},
        "normalisation":{"scale":127.5,"offset":127.5},"window":256,"margin":64,"resolutions":[0.5,6000],
        "defaults":{"sampler":"dpm++","steps":12,"degradation":0.3},"licence":"CC0-1.0","training_data":["none"],
        "recipe_digest":"00"}
        """
    var object = try #require(try JSONSerialization.jsonObject(with: Data(base.utf8)) as? [String: Any])
    for (key, value) in changes {
        if value is NSNull { object[key] = nil } else { object[key] = value }
    }
    return try JSONSerialization.data(withJSONObject: object)
}

/// A model file with weights 0, 1, 2 … modulo 7, in fp16.
private func modelFile(
    _ changes: [String: Any] = [:], dropping dropped: String? = nil, reshaping reshaped: String? = nil,
    spoiling spoiled: String? = nil, adding added: String? = nil
) throws -> Data {
    let json = try configuration(changes)
    var writer = SafetensorsWriter(metadata: ["tessera": String(decoding: json, as: UTF8.self)])
    for tensor in try ModelConfiguration(json: json).tensors where tensor.name != dropped {
        var values = (0..<tensor.shape.reduce(1, *)).map { Float($0 % 7) }
        if tensor.name == spoiled { values[0] = .infinity }
        let shape = tensor.name == reshaped ? [values.count, 1] : tensor.shape
        writer.append(tensor.name, values, shape: shape, as: .f16)
    }
    if let added { writer.append(added, [1], shape: [1]) }
    return try writer.data()
}

struct ModelConfigurationTests {
    @Test func everyKeyIsRead() throws {
        let model = try ModelConfiguration(json: configuration())
        #expect(model.widths == [8, 16] && model.blocks == [1, 2] && model.attention == [false, true])
        let encoder = model.encoder
        #expect(encoder.channels == 4 && encoder.blocks == 1 && encoder.growth == 2)
        #expect(model.prediction == .v && model.schedule.betaEnd == 0.0155 && model.resolutions == [0.5, 6000])
        #expect(model.windowMultiple == 4 && model.doublings == 1 && model.constants.map(\.name) == ["log2_resolution"])
        #expect(model.defaults.degradation?[3] == 0.3)
        #expect(model.defaults.samplerText == "dpm++:12")
        let encoded = try JSONEncoder().encode(model)
        #expect(try ModelConfiguration(json: encoded) == model)
    }

    @Test func degradationMayBeGivenByLevel() throws {
        let defaults: [String: Any] = ["sampler": "ddim", "steps": 50, "spacing": "logsnr", "degradation": [0.1, 0.5]]
        let model = try ModelConfiguration(json: configuration(["defaults": defaults]))
        #expect(model.defaults.samplerText == "ddim:50:spacing=logsnr")
        let degradation = try #require(model.defaults.degradation)
        #expect(degradation[1] == 0.1 && degradation[2] == 0.5 && degradation[7] == 0.5)
    }

    @Test(arguments: [
        ("format", "\"other\""), ("version", "2"), ("version", "null"), ("name", "7"), ("image_channels", "0"),
        ("factor", "3"), ("factor", "1e30"), ("unshuffle", "8"), ("unshuffle", "-2"), ("widths", "[]"),
        ("widths", "[8, 18]"), ("widths", "[8, 9223372036854775807]"), ("widths", "[8, 1e400]"), ("blocks", "[1]"),
        ("blocks", "[1, 0]"), ("attention", "[false]"), ("attention", "[0, 1]"), ("head_channels", "0"),
        ("groups", "0"),
        ("groups", "3"), ("embedding", "0"), ("sinusoid", "5"), ("encoder", "{}"),
        ("encoder", "{\"channels\":4,\"blocks\":-1,\"growth\":2}"), ("scalars", "[]"),
        ("scalars", "[{\"name\":\"latitude\",\"scale\":1}]"),
        ("scalars", "[{\"name\":\"timestep\",\"scale\":1},{\"name\":\"timestep\",\"scale\":1}]"),
        ("scalars", "[{\"name\":\"timestep\",\"scale\":1e10}]"), ("prediction", "\"x0\""),
        ("schedule", "{\"type\":\"cosine\",\"beta_start\":0.1,\"beta_end\":0.2,\"steps\":10}"),
        ("schedule", "{\"type\":\"linear\",\"beta_start\":0.3,\"beta_end\":0.2,\"steps\":10}"),
        ("schedule", "{\"type\":\"linear\",\"beta_start\":0.1,\"beta_end\":0.2,\"steps\":0}"),
        ("normalisation", "{\"scale\":0,\"offset\":0}"), ("window", "250"), ("window", "1000000"), ("margin", "128"),
        ("resolutions", "[10, 1]"), ("resolutions", "[10]"), ("defaults", "{\"sampler\":\"euler\",\"steps\":12}"),
        ("defaults", "{\"sampler\":\"ddim\",\"steps\":1001}"),
        ("defaults", "{\"sampler\":\"ddim\",\"steps\":10,\"spacing\":\"karras\"}"),
        ("defaults", "{\"sampler\":\"ddim\",\"steps\":10,\"degradation\":[]}"),
        ("defaults", "{\"sampler\":\"ddim\",\"steps\":10,\"degradation\":1.5}"), ("licence", "null"),
    ])
    func wrongValuesAreRefusedByKey(_ key: String, _ value: String) throws {
        let object = try #require(try JSONSerialization.jsonObject(with: configuration()) as? [String: Any])
        let fields = try object.map { name, old in
            let text = try JSONSerialization.data(withJSONObject: old, options: .fragmentsAllowed)
            return "\"\(name)\":" + (name == key ? value : String(decoding: text, as: UTF8.self))
        }
        let error = try #require(throws: ModelConfigurationError.self) {
            try ModelConfiguration(json: Data("{\(fields.joined(separator: ","))}".utf8))
        }
        let related = key == "groups" ? ["groups", "widths"] : [key]
        let isTooLargeToDecode = value.contains("e") && error.key == "tessera"
        #expect(related.contains { error.key.hasPrefix($0) } || isTooLargeToDecode, "\(error)")
        #expect(error.description.contains(error.key) && error.description.contains(error.reason))
    }

    @Test func missingKeysAreNamed() throws {
        let error = try #require(throws: ModelConfigurationError.self) {
            try ModelConfiguration(json: configuration(["groups": NSNull()]))
        }
        #expect(error.key == "groups")
        #expect(throws: ModelConfigurationError.self) { try ModelConfiguration(json: Data("{".utf8)) }
        #expect(throws: ModelConfigurationError.self) { try ModelConfiguration(json: Data(count: 2 << 20)) }
    }

    @Test func headsThatDoNotDivideTheWidthAreRefused() throws {
        #expect(throws: ModelConfigurationError.self) {
            try ModelConfiguration(json: configuration(["head_channels": 5]))
        }
    }
}

struct ModelFileTests {
    @Test func aModelIsReadWhole() throws {
        let data = try modelFile()
        let model = try ModelFile(data: data)
        #expect(model.configuration.name == "small" && model.byteCount == data.count)
        #expect(model.parameterCount == model.configuration.tensors.reduce(0) { $0 + $1.shape.reduce(1, *) })
        #expect(try model.weights("unet.input.bias") == [0, 1, 2, 3, 4, 5, 6, 0])
        #expect(model.summary.contains { $0.label == "digest" && $0.value.hasSuffix(model.digest) })
    }

    @Test func theDigestIsThatOfTheFile() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).safetensors")
        defer { try? FileManager.default.removeItem(at: url) }
        try modelFile().write(to: url)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["sha256sum", url.path]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        let digest = try ModelFile(contentsOf: url).digest
        #expect(output.hasPrefix(digest + " "))
    }

    @Test func tensorsThatDoNotFitTheConfigurationAreNamed() throws {
        let name = "unet.middle.blocks.1.conv2.weight"
        let cases: [(Data, SafetensorsError.Code, String)] = [
            (try modelFile(dropping: name), .missingTensor, name),
            (try modelFile(reshaping: name), .wrongShape, name),
            (try modelFile(adding: "unet.extra.weight"), .unexpectedTensor, "unet.extra.weight"),
        ]
        for (data, code, tensor) in cases {
            let error = try #require(throws: SafetensorsError.self) { try ModelFile(data: data) }
            #expect(error.code == code && error.tensor == tensor)
        }
    }

    @Test func weightsThatAreNotFiniteAreRefused() throws {
        let model = try ModelFile(data: modelFile(spoiling: "encoder.trunk.bias"))
        let error = try #require(throws: SafetensorsError.self) { try model.weights("encoder.trunk.bias") }
        #expect(error.code == .notFinite && error.tensor == "encoder.trunk.bias")
    }

    @Test func aFileWithoutConfigurationIsRefused() throws {
        var writer = SafetensorsWriter()
        writer.append("a", [1], shape: [1])
        let data = try writer.data()
        #expect(throws: ModelConfigurationError.self) { try ModelFile(data: data) }
    }
}
