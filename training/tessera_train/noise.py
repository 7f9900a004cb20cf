"""Gaussian noise by coordinates, in numpy: a second implementation of docs/noise.md, bit for bit that of the renderer.

numpy rounds every single-precision operation on its own, as IEEE 754 says.
"""

import numpy as np

U64 = np.uint64
F32 = np.float32


def philox(counter, key):
    """Philox4x32-10 (Salmon et al. 2011): counter is four uint64 arrays of 32-bit words, key two integers."""
    c = [np.asarray(word, U64) for word in counter]
    k0, k1 = key
    mask = U64(0xFFFFFFFF)
    for _ in range(10):
        p0 = c[0] * U64(0xD2511F53)
        p1 = c[2] * U64(0xCD9E8D57)
        c = [(p1 >> U64(32)) ^ c[1] ^ U64(k0), p1 & mask, (p0 >> U64(32)) ^ c[3] ^ U64(k1), p0 & mask]
        k0 = (k0 + 0x9E3779B9) & 0xFFFFFFFF
        k1 = (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c


def horner(x, *coefficients):
    """coefficients[0] + x·(coefficients[1] + …), every step rounded to single."""
    result = F32(float.fromhex(coefficients[-1]))
    for coefficient in reversed(coefficients[:-1]):
        result = F32(float.fromhex(coefficient)) + x * result
    return result


def box_muller(first, second):
    u = (first | U64(1)).astype(F32)
    mantissa, exponent = np.frexp(u)  # mantissa in 0.5 ..< 1
    small = mantissa < np.array([0x3F3504F3], np.uint32).view(F32)[0]  # the single next to √½
    mantissa = np.where(small, mantissa * F32(2), mantissa)
    exponent = exponent - small
    s = (mantissa - F32(1)) / (mantissa + F32(1))
    series = horner(s * s, "0x4", "0x1.55557ap+0", "0x1.995ebap-1", "0x1.31e2f2p-1")
    radius = np.sqrt((32 - exponent).astype(F32) * F32(2 * np.log(2)) - s * series)
    a = (second % U64(1 << 29) * U64(2) + U64(1)).astype(F32) * F32(2.0**-30)
    q = a * a
    sine = a * horner(q, "0x1.921fb6p-1", "-0x1.4abbbap-4", "0x1.465ec6p-9", "-0x1.2d9bb8p-15")
    cosine = horner(q, "0x1", "-0x1.3bd3a2p-2", "0x1.03b162p-6", "-0x1.4ea9e8p-12")
    octant = second >> U64(29)
    swapped = octant % U64(2) == 1
    cosine, sine = np.where(swapped, sine, cosine), np.where(swapped, cosine, sine)
    cosine = np.where(octant >= 4, -cosine, cosine)
    sine = np.where(octant // U64(2) % U64(2) == 1, -sine, sine)
    return radius * cosine, radius * sine


def noise(seed, level, channel, stream, xs, ys):
    """Return the values (len(ys), len(xs)) float32 at every pair of two lists of coordinates within ±2⁶²."""
    xs, ys = np.asarray(xs, np.int64)[None, :], np.asarray(ys, np.int64)[:, None]
    block = (xs >> 6) * 16 + xs % 16
    shape = (ys.shape[0], xs.shape[1])
    low = np.broadcast_to(block & 0xFFFFFFFF, shape).astype(U64)
    row = np.broadcast_to(ys & 0xFFFFFFFF, shape).astype(U64)
    high = (block >> 32 & 0xFFFF | (ys >> 32 & 0xFFFF) << 16).astype(U64)
    source = np.full(shape, channel << 24 | level << 16 | stream, U64)
    w = philox([low, row, high, source], (seed & 0xFFFFFFFF, seed >> 32))
    values = np.stack([*box_muller(w[0], w[1]), *box_muller(w[2], w[3])])
    word = np.broadcast_to(xs % 64 // 16, shape)
    return np.take_along_axis(values, word[None], 0)[0]


def window(mode, seed, core, margin, level, column, row, world, channels, stream):
    """Return the noise (channels, W, W) of the window around a core; `world` is the world's width in pixels or None."""
    side = core + 2 * margin
    xs = [column * core - margin + i for i in range(side)]
    ys = [row * core - margin + i for i in range(side)]
    if mode == "canvas":
        xs = [x % world if world else x for x in xs]
    elif mode == "shared":
        xs, ys = list(range(side)), list(range(side))
    elif mode == "periodic":
        xs, ys = [x % core for x in xs], [y % core for y in ys]
    elif mode == "independent":
        first = column % (world // core) if world else column
        xs, ys = [first * side + i for i in range(side)], [row * side + i for i in range(side)]
    else:
        raise ValueError(f"unknown noise mode {mode!r}; use canvas, shared, periodic or independent")
    return np.stack([noise(seed, level, c, stream, xs, ys) for c in range(channels)])
