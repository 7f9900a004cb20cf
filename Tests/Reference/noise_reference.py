"""An implementation of the noise in numpy, apart from the one in Swift, to compare bits with.

Usage: python noise_reference.py DIRECTORY (or the directory in TESSERA_REFERENCE); writes noise.json.
The definition is docs/noise.md. numpy rounds every single-precision operation on its own, as IEEE 754 says.
"""

import json
import os
import sys
from pathlib import Path

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
    """Return the values at every (y, x) of two lists of coordinates (Python integers of any size)."""
    block = [(x >> 6) * 16 + x % 16 for x in xs]
    word = np.array([x % 64 // 16 for x in xs])
    low = np.array([b & 0xFFFFFFFF for b in block], U64)[None, :]
    row = np.array([y & 0xFFFFFFFF for y in ys], U64)[:, None]
    high = np.array([[(b >> 32 & 0xFFFF) | (y >> 32 & 0xFFFF) << 16 for b in block] for y in ys], U64)
    source = np.full(high.shape, channel << 24 | level << 16 | stream, U64)
    low, row = np.broadcast_to(low, high.shape), np.broadcast_to(row, high.shape)
    w = philox([low, row, high, source], (seed & 0xFFFFFFFF, seed >> 32))
    values = np.stack([*box_muller(w[0], w[1]), *box_muller(w[2], w[3])])
    return np.take_along_axis(values, np.broadcast_to(word, high.shape)[None], 0)[0]


def window(mode, seed, core, margin, level, column, row, world, channels, stream):
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
    return np.stack([noise(seed, level, c, stream, xs, ys) for c in range(channels)])


def bits(values):
    return np.ascontiguousarray(values, F32).view(np.uint32).ravel().tolist()


def main():
    out = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["TESSERA_REFERENCE"])
    out.mkdir(parents=True, exist_ok=True)
    rects = [
        # seed, level, stream, channels, base zoom (nil: a plane), x, y, width, height
        (0, 0, 0, 1, None, 0, 0, 130, 3),
        (7, 2, 0, 3, 5, 12345, 678, 90, 5),
        (0xFEDCBA9876543210, 3, 999, 2, None, -77, -5, 150, 8),
        (0xFFFFFFFFFFFFFFFF, 1, 1, 2, 5, (256 << 7) - 70, 100, 140, 2),
        (42, 13, 65535, 1, 4, (1 << 38) - 30, (1 << 38) - 2, 80, 4),
        (1 << 33, 15, 3, 4, None, -(1 << 38) - 9, (1 << 38) + 9, 75, 2),
        (5, 0, 0, 256, None, 63, -1, 2, 2),
    ]
    windows = [
        # mode, seed, core, margin, base zoom, level, column, row, channels, stream
        *((mode, 9, 32, 16, 5, 1, 255, 7, 3, 2) for mode in ("canvas", "shared", "periodic", "independent")),
        *((mode, 9, 32, 16, 5, 1, 1024, 8, 1, 0) for mode in ("canvas", "shared", "periodic", "independent")),
        *((mode, 1, 32, 20, None, 2, -3, -9, 2, 11) for mode in ("canvas", "shared", "periodic", "independent")),
    ]
    cases = {"rects": [], "windows": []}
    for seed, level, stream, channels, zoom, x, y, width, height in rects:
        world = None if zoom is None else 256 << (zoom + 2 * level)
        xs = [x + i if world is None else (x + i) % world for i in range(width)]
        ys = [y + i for i in range(height)]
        values = np.stack([noise(seed, level, c, stream, xs, ys) for c in range(channels)])
        cases["rects"].append(
            dict(seed=seed, level=level, stream=stream, channels=channels, zoom=zoom, x=x, y=y)
            | dict(width=width, height=height, bits=bits(values))
        )
    for mode, seed, core, margin, zoom, level, column, row, channels, stream in windows:
        world = None if zoom is None else 256 << (zoom + 2 * level)
        values = window(mode, seed, core, margin, level, column, row, world, channels, stream)
        cases["windows"].append(
            dict(mode=mode, seed=seed, core=core, margin=margin, zoom=zoom, level=level, column=column)
            | dict(row=row, channels=channels, stream=stream, bits=bits(values))
        )
    (out / "noise.json").write_text(json.dumps(cases))


if __name__ == "__main__":
    main()
