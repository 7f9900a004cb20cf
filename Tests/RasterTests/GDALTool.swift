import Foundation
import Testing

/// A folder that is removed with the object, and GDAL's programs to fill it.
final class Scratch {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("tessera-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    func path(_ name: String) -> String { url.appendingPathComponent(name).path }

    /// Write a binary PPM (3 channels) or PGM (1), the simplest pictures GDAL reads.
    func pixmap(_ name: String, width: Int, height: Int, channels: Int = 3, _ value: (Int, Int, Int) -> UInt8) throws
        -> String
    {
        var data = Data("P\(channels == 3 ? 6 : 5)\n\(width) \(height)\n255\n".utf8)
        for y in 0..<height {
            for x in 0..<width {
                for c in 0..<channels { data.append(value(x, y, c)) }
            }
        }
        try data.write(to: URL(fileURLWithPath: path(name)))
        return path(name)
    }
}

/// Run a program from the PATH and return its output.
@discardableResult
func run(_ program: String, _ arguments: [String], input: String = "") throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [program] + arguments
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    let source = Pipe()
    process.standardInput = source
    try process.run()
    source.fileHandleForWriting.write(Data(input.utf8))
    try source.fileHandleForWriting.close()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    let text = String(decoding: data, as: UTF8.self)
    try #require(process.terminationStatus == 0, "\(program) \(arguments): \(text)")
    return text
}

/// A mixing function, for pictures without structure that could hide an error.
func noise(_ x: Int, _ y: Int, _ c: Int) -> UInt8 {
    var z = UInt64(bitPattern: Int64(x &* 73_856_093 ^ y &* 19_349_663 ^ c &* 83_492_791)) &+ 0x9e37_79b9_7f4a_7c15
    z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
    return UInt8(truncatingIfNeeded: z ^ z >> 31)
}

func contents(_ path: String) -> [UInt8]? {
    FileManager.default.contents(atPath: path).map { [UInt8]($0) }
}

func write(_ bytes: [UInt8], _ path: String) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: path))
}
