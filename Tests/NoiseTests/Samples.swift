import Canvas
import Foundation

@testable import Noise

let world = Canvas(surface: .webMercator, baseZoom: 5)
let plane = Canvas(surface: .plane(metresPerPixel: 1), baseZoom: 0)

extension NoiseField {
    /// Return the values of a window.
    func window(_ core: Core, channels: Int = 1, stream: UInt16 = 0) -> [Float] {
        let side = Int(canvas.geometry.window)
        return [Float](unsafeUninitializedCapacity: channels * side * side) { buffer, count in
            fill(window: core, channels: channels, stream: stream, into: buffer)
            count = buffer.count
        }
    }

    /// Return the values of a rectangle.
    func rect(_ rect: PixelRect, level: Int = 1, channels: Int = 1, stream: UInt16 = 0) -> [Float] {
        [Float](unsafeUninitializedCapacity: channels * Int(rect.width * rect.height)) { buffer, count in
            fill(rect: rect, level: level, channels: channels, stream: stream, into: buffer)
            count = buffer.count
        }
    }
}

/// Return what an independent implementation computed; see Tests/Reference.
func reference<T: Decodable>(_ name: String, as type: T.Type) throws -> T {
    guard let directory = ProcessInfo.processInfo.environment["TESSERA_REFERENCE"] else {
        throw ReferenceMissing("TESSERA_REFERENCE is not set")
    }
    let url = URL(fileURLWithPath: directory).appendingPathComponent(name)
    guard let data = try? Data(contentsOf: url) else { throw ReferenceMissing("\(url.path) is missing") }
    return try JSONDecoder().decode(type, from: data)
}

struct ReferenceMissing: Error, CustomStringConvertible {
    let description: String

    init(_ what: String) {
        description =
            "\(what): run `PYTHONPATH=training python3 Tests/Reference/noise_reference.py DIRECTORY` (needs numpy) and set "
            + "TESSERA_REFERENCE=DIRECTORY, or let `make test` do both"
    }
}
