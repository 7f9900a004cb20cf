internal import CPNG

/// RFC 1952 through zlib; equal bytes in, equal bytes out.
package enum Gzip {
    package static func compress(_ data: [UInt8]) throws -> [UInt8] {
        var out: UnsafeMutablePointer<UInt8>?
        var size = 0
        guard tessera_gzip(data, data.count, &out, &size) == 0 else { throw RasterError.png("gzip: out of memory") }
        defer { tessera_png_free(out) }
        return [UInt8](UnsafeBufferPointer(start: out, count: size))
    }
}
