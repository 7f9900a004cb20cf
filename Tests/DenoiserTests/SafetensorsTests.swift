import Denoiser
import Foundation
import Testing

struct SafetensorsTests {
    /// A file of any header and so many bytes of data.
    static func file(_ header: String, dataBytes: Int = 0, declared: UInt64? = nil) -> Data {
        var data = withUnsafeBytes(of: (declared ?? UInt64(header.utf8.count)).littleEndian) { Data($0) }
        data.append(contentsOf: header.utf8)
        data.append(Data(count: dataBytes))
        return data
    }

    @Test func whatIsWrittenIsReadBack() throws {
        let values: [Float] = [
            0, -0.0, 1, -1.5, 0x1p-24, -0x1p-149, 65504, .infinity, -.infinity, .nan, 3.140625, 1e-3,
        ]
        var writer = SafetensorsWriter(metadata: ["tessera": "{\"a\":\"ü/\\\"\"}"])
        writer.append("half", values, shape: [3, 4], as: .f16)
        writer.append("single \"é\"", values, shape: [12], as: .f32)
        writer.append("brain", values, shape: [2, 1, 6], as: .bf16)
        writer.append("scalar", [7], shape: [])
        writer.append("nothing", [], shape: [0, 5])
        let file = try SafetensorsFile(data: writer.data())
        #expect(file.metadata["tessera"] == "{\"a\":\"ü/\\\"\"}")
        let single = try file.floats("single \"é\"", shape: [12])
        let half = try file.floats("half", shape: [3, 4])
        let brain = try file.floats("brain", shape: [2, 1, 6])
        for (index, value) in values.enumerated() {
            if value.isNaN {
                #expect(single[index].isNaN && half[index].isNaN && brain[index].isNaN)
            } else {
                #expect(single[index].bitPattern == value.bitPattern)
                #expect(half[index].bitPattern == Float(Float16(value)).bitPattern)
                #expect(brain[index].bitPattern == ElementType.widen(brain: ElementType.brain(value)).bitPattern)
            }
        }
        #expect(try file.floats("scalar", shape: []) == [7])
        #expect(try file.floats("nothing", shape: [0, 5]) == [])
    }

    @Test func namesWithEscapesAreRead() throws {
        let header = #"{ "\u00e9\ud83c\udf0d\n" : {"shape":[],"data_offsets":[0,4],"dtype":"F32"} }  "#
        #expect(try SafetensorsFile(data: Self.file(header, dataBytes: 4)).tensors.map(\.name) == ["é🌍\n"])
    }

    static func entry(_ name: String, _ type: String = "F32", _ shape: String = "2", _ offsets: String = "0,8")
        -> String
    {
        "\"\(name)\":{\"dtype\":\"\(type)\",\"shape\":[\(shape)],\"data_offsets\":[\(offsets)]}"
    }

    static let broken: [(Data, SafetensorsError.Code, String?)] = [
        (Data(), .truncated, nil),
        (Data([1, 2, 3]), .truncated, nil),
        (file("{}", declared: 3), .truncated, nil),
        (file("{}", declared: 100_000_001), .headerTooLarge, nil),
        (file("{}", declared: .max), .headerTooLarge, nil),
        (file(""), .invalidHeader, nil),
        (file("[]"), .invalidHeader, nil),
        (file("{"), .invalidHeader, nil),
        (file("{} x"), .invalidHeader, nil),
        (file("{\"a"), .invalidHeader, nil),
        (file("{\"\\ud800\":{}}"), .invalidHeader, nil),
        (file("{\"__metadata__\":{\"a\":1}}"), .invalidHeader, nil),
        (file("{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}"), .invalidHeader, nil),
        (file("{\"__metadata__\":{},\"__metadata__\":{}}"), .duplicateName, "__metadata__"),
        (file("{\(entry("a"))}", dataBytes: 7), .outOfBounds, "a"),
        (file("{\(entry("a"))}", dataBytes: 9), .gap, nil),
        (file("{\(entry("a", "F32", "2", "1,9"))}", dataBytes: 9), .gap, "a"),
        (file("{\(entry("a", "F32", "2", "8,0"))}", dataBytes: 8), .outOfBounds, "a"),
        (file("{\(entry("a", "F32", "2", "0"))}", dataBytes: 8), .invalidHeader, "a"),
        (file("{\(entry("a", "F32", "2", "0,8,9"))}", dataBytes: 8), .invalidShape, "a"),
        (file("{\(entry("a", "F32", "3"))}", dataBytes: 8), .sizeMismatch, "a"),
        (file("{\(entry("a", "F16"))}", dataBytes: 8), .sizeMismatch, "a"),
        (file("{\(entry("a", "I64", "1"))}", dataBytes: 8), .unknownElementType, "a"),
        (file("{\(entry("a", "F32", "-2"))}", dataBytes: 8), .invalidHeader, "a"),
        (file("{\(entry("a", "F32", "2.0"))}", dataBytes: 8), .invalidHeader, "a"),
        (file("{\(entry("a", "F32", "02"))}", dataBytes: 8), .invalidHeader, "a"),
        (file("{\(entry("a", "F32", "99999999999999999999"))}", dataBytes: 8), .invalidShape, "a"),
        (file("{\(entry("a", "F32", "4611686018427387904,4"))}", dataBytes: 8), .invalidShape, "a"),
        (file("{\(entry("a", "F32", "9223372036854775807"))}", dataBytes: 8), .invalidShape, "a"),
        (file("{\(entry("a", "F32", "1,1,1,1,1,1,1,1,2"))}", dataBytes: 8), .invalidShape, "a"),
        (file("{\(entry("a", "F32", "2", "0,9223372036854775808"))}", dataBytes: 8), .invalidShape, "a"),
        (file("{\(entry("a")),\(entry("a", "F32", "2", "8,16"))}", dataBytes: 16), .duplicateName, "a"),
        (file("{\(entry("a")),\(entry("b", "F32", "2", "4,12"))}", dataBytes: 12), .overlap, "b"),
        (file("{\(entry("a")),\(entry("b"))}", dataBytes: 8), .overlap, "b"),
        (file("{\(entry("a")),\(entry("b", "F32", "2", "12,20"))}", dataBytes: 20), .gap, "b"),
        (file("{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", dataBytes: 8), .invalidHeader, "a"),
        (file("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}", dataBytes: 8), .invalidHeader, "a"),
        (file("{\"a\":{\"x\":[[[[[[]]]]]]}}", dataBytes: 8), .invalidHeader, "a"),
    ]

    @Test(arguments: broken.indices)
    func brokenFilesAreRefused(_ index: Int) throws {
        let (data, code, tensor) = Self.broken[index]
        let error = try #require(throws: SafetensorsError.self) { try SafetensorsFile(data: data) }
        #expect(error.code == code)
        #expect(error.tensor == tensor)
        #expect(error.description.contains(error.remedy))
        if let tensor { #expect(error.description.contains("“\(tensor)”")) }
    }

    @Test func moreTensorsThanAnyModelHasAreRefused() throws {
        let entries = (0...65_536).map { Self.entry("\($0)", "F32", "0", "0,0") }
        let error = try #require(throws: SafetensorsError.self) {
            try SafetensorsFile(data: Self.file("{\(entries.joined(separator: ","))}"))
        }
        #expect(error.code == .tooManyTensors)
    }

    @Test func absentTensorsAndOtherShapesAreNamed() throws {
        let file = try SafetensorsFile(data: Self.file("{\(Self.entry("a"))}", dataBytes: 8))
        #expect(throws: SafetensorsError.self) { try file.tensor("b") }
        let error = try #require(throws: SafetensorsError.self) { try file.floats("a", shape: [1, 2]) }
        #expect(error.code == .wrongShape && error.tensor == "a")
    }

    @Test func pathsThatAreNoFileAreRefused() throws {
        for path in ["/nonexistent/model.safetensors", "/", "/dev/zero"] {
            let error = try #require(throws: SafetensorsError.self) {
                try SafetensorsFile(contentsOf: URL(fileURLWithPath: path))
            }
            #expect(error.code == .unreadable && error.description.contains(path))
        }
    }

    /// Mutated files end in an error or in tensors whose values can be read, never in a crash.
    @Test func mutatedFilesNeverCrash() throws {
        var writer = SafetensorsWriter(metadata: ["tessera": "{\"widths\":[64]}"])
        writer.append("unet.input.weight", [1, 2, 3, 4, 5, 6], shape: [2, 3], as: .f16)
        writer.append("unet.input.bias", [1, 2], shape: [2], as: .f32)
        writer.append("b", [1], shape: [], as: .bf16)
        let original = try writer.data()
        let tokens = [
            "\"", "\\", "{", "}", "[", "]", ",", ":", "0", "9", "-", "\\u", "\\ud83c", "18446744073709551616", "F16",
            "\0", "é",
        ].map { Array($0.utf8) }
        var random = RandomNumbers(seed: 2)
        var accepted = 0
        for _ in 0..<5000 {
            var bytes = Array(original)
            for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<5, using: &random) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: place)
                case 2: bytes.removeSubrange(place...)
                case 3:
                    let end = min(bytes.count, place + Int.random(in: 1...40, using: &random))
                    bytes.insert(contentsOf: bytes[place..<end], at: Int.random(in: 0...bytes.count, using: &random))
                default: bytes.insert(contentsOf: tokens.randomElement(using: &random) ?? [], at: place)
                }
            }
            if Bool.random(using: &random), bytes.count >= 8 {  // let the mutation past the size at the start
                let size = max(0, min(bytes.count - 8, bytes.count - 22))
                withUnsafeBytes(of: UInt64(size).littleEndian) { bytes.replaceSubrange(0..<8, with: $0) }
            }
            do {
                let file = try SafetensorsFile(data: Data(bytes))
                for tensor in file.tensors { #expect(try file.floats(tensor.name).count == tensor.count) }
                accepted += 1
            } catch let error as SafetensorsError {
                #expect(!error.description.isEmpty)
            }
        }
        #expect(accepted > 0 && accepted < 5000)
    }
}
