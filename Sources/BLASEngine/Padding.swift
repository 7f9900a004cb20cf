extension PaddedPlanes {
    /// Fill one channel with a plane of the same size, an operation applied to its values, and a border of zeros.
    @inline(__always)
    func fill(_ channel: Int, from source: UnsafePointer<Float>, _ operation: some ElementwiseOperation) {
        let target = clearBorder(channel)
        for y in 0..<height {
            map(operation, source + y * width, target + y * rowStride, width)
        }
    }

    /// Fill one channel with a plane of half the size, every pixel repeated twice along both axes.
    func fillDoubled(_ channel: Int, from source: UnsafePointer<Float>) {
        let target = clearBorder(channel)
        for y in 0..<height / 2 {
            let row = source + y * (width / 2)
            let even = target + 2 * y * rowStride
            for x in 0..<width / 2 {
                even[2 * x] = row[x]
                even[2 * x + 1] = row[x]
            }
            (even + rowStride).update(from: even, count: width)
        }
    }

    /// Fill all channels with an image whose pixels are regrouped, `ratio`² to a pixel (PyTorch's `pixel_unshuffle`).
    func fillUnshuffled(from image: UnsafePointer<Float>, ratio: Int) {
        let side = width * ratio
        for channel in 0..<channels {
            let plane = image + channel / (ratio * ratio) * (height * ratio * side)
            let offset = channel % (ratio * ratio)
            let target = clearBorder(channel)
            for y in 0..<height {
                let source = plane + (y * ratio + offset / ratio) * side + offset % ratio
                let row = target + y * rowStride
                for x in 0..<width { row[x] = source[x * ratio] }
            }
        }
    }

    /// Zero a channel's border and return the first pixel inside.
    private func clearBorder(_ channel: Int) -> UnsafeMutablePointer<Float> {
        let plane = self[channel]
        plane.update(repeating: 0, count: rowStride)
        (plane + (height + 1) * rowStride).update(repeating: 0, count: rowStride)
        for y in 1...height {
            plane[y * rowStride] = 0
            plane[y * rowStride + width + 1] = 0
        }
        return plane + rowStride + 1
    }
}

extension Planes {
    /// Write an image whose pixels the channels hold, `ratio`² to a pixel (PyTorch's `pixel_shuffle`).
    func shuffle(into image: UnsafeMutablePointer<Float>, ratio: Int) {
        let side = width * ratio
        for channel in 0..<channels {
            let plane = image + channel / (ratio * ratio) * (height * ratio * side)
            let offset = channel % (ratio * ratio)
            let source = self[channel]
            for y in 0..<height {
                let target = plane + (y * ratio + offset / ratio) * side + offset % ratio
                for x in 0..<width { target[x * ratio] = source[y * width + x] }
            }
        }
    }
}
