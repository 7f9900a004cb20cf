"""Noise by the implementation in numpy, which is apart from the one in Swift, to compare bits with.

Usage: PYTHONPATH=training python noise_reference.py DIRECTORY (or the directory in TESSERA_REFERENCE); writes noise.json.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np

from tessera_train.noise import noise, window


def bits(values):
    return np.ascontiguousarray(values, np.float32).view(np.uint32).ravel().tolist()


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
