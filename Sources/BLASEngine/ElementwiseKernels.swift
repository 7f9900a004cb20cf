typealias Vector = SIMD16<Float>

/// Sixteen values at any address.
@inline(__always)
func load(_ pointer: UnsafePointer<Float>) -> Vector {
    UnsafeRawPointer(pointer).loadUnaligned(as: Vector.self)
}

@inline(__always)
func store(_ value: Vector, _ pointer: UnsafeMutablePointer<Float>) {
    UnsafeMutableRawPointer(pointer).storeBytes(of: value, as: Vector.self)
}

/// Compute eˣ with a relative error below 2⁻²², for x clamped to [-87, 88].
///
/// x = n·ln 2 + r with |r| ≤ ln 2 / 2; the power of two goes into the exponent bits, eʳ is Taylor's polynomial of degree
/// 7 (truncation below 6e-9). Only additions, multiplications and comparisons, so that every CPU gives the same bits.
@inline(__always)
func exponential(_ argument: Vector) -> Vector {
    var x = argument
    x.replace(with: Vector(repeating: -87), where: x .< -87)
    x.replace(with: Vector(repeating: 88), where: x .> 88)
    let shifted = x * 1.442_695_04 + 12_582_912  // 1.5 · 2²³: rounds to an integer, which lands in the low bits
    let n = shifted - 12_582_912
    let r = (x - n * 0.693_359_375) + n * 2.121_944_4e-4
    var p = r * (1.0 / 5040) + (1.0 / 720)
    p = p * r + (1.0 / 120)
    p = p * r + (1.0 / 24)
    p = p * r + (1.0 / 6)
    p = p * r + 0.5
    p = (p * r) * r + r + 1
    let exponent = unsafeBitCast(shifted, to: SIMD16<UInt32>.self) &<< 23
    return unsafeBitCast(unsafeBitCast(p, to: SIMD16<UInt32>.self) &+ exponent, to: Vector.self)
}

/// A function of one value, applied sixteen at a time.
protocol ElementwiseOperation {
    func callAsFunction(_ x: Vector) -> Vector
}

/// scale·x + shift.
struct Affine: ElementwiseOperation {
    let scale: Float
    let shift: Float
    @inline(__always) func callAsFunction(_ x: Vector) -> Vector { x * scale + shift }
}

/// y·σ(y) for y = scale·x + shift.
struct AffineSiLU: ElementwiseOperation {
    let scale: Float
    let shift: Float
    @inline(__always) func callAsFunction(_ x: Vector) -> Vector {
        let y = x * scale + shift
        return y / (exponential(-y) + 1)
    }
}

/// Apply an operation to `count` consecutive values; source and target may be the same.
@inline(__always)
func map(
    _ operation: some ElementwiseOperation, _ source: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>,
    _ count: Int
) {
    var i = 0
    while i + 16 <= count {
        store(operation(load(source + i)), target + i)
        i += 16
    }
    if i < count {
        var rest = Vector.zero
        for j in 0..<count - i { rest[j] = source[i + j] }
        rest = operation(rest)
        for j in 0..<count - i { target[i + j] = rest[j] }
    }
}

/// target = a + factor·b.
func addScaled(
    _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, factor: Float, into target: UnsafeMutablePointer<Float>,
    count: Int
) {
    var i = 0
    while i + 16 <= count {
        store(load(a + i) + load(b + i) * factor, target + i)
        i += 16
    }
    while i < count {
        target[i] = a[i] + b[i] * factor
        i += 1
    }
}

/// The scalar product of two vectors.
func dot(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, count: Int) -> Float {
    var sum = Vector.zero
    var i = 0
    while i + 16 <= count {
        sum += load(a + i) * load(b + i)
        i += 16
    }
    var total = sum.sum()
    while i < count {
        total += a[i] * b[i]
        i += 1
    }
    return total
}

/// The mean of a set of values and the sum of their squared deviations from it.
struct Moments {
    var count = 0.0
    var mean = 0.0
    var deviation = 0.0

    /// Join two sets (Chan, Golub & LeVeque 1983).
    mutating func merge(_ other: Moments) {
        guard other.count > 0 else { return }
        let total = count + other.count
        let difference = other.mean - mean
        deviation += other.deviation + difference * difference * (count * other.count / total)
        mean += difference * (other.count / total)
        count = total
    }
}
