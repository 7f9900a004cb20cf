"""Seams and repetition by noise mode, overlap and margin, on mosaics of held-out places."""

import time

import numpy as np

from ..imagery import area_average
from . import seams, sheets
from .bench import Bench
from .mosaic import Mosaic
from .places import scene

SIDE = 512
PLACES = (  # source, picture, left, top of a square of 640 pixels whose middle 512 is rendered
    ("massachusetts_1m", "25229185_15.jpg", 400, 400), ("landsat_world_10_160m", "y-ramsay-newZealand.jpg", 200, 900),
    ("bluemarble_611m", "bm_alps_italy_34_22.jpg", 100, 100),
    ("landsat_world_10_160m", "t-Liwa-unitedArabEmirates.jpg", 300, 900),
)
MODES = ("canvas", "shared", "periodic", "independent")
MARGINS = (0, 16, 32, 64, 96)


def square(bench: Bench, place):
    """Return (real (640, 640, 3), metres)."""
    source, name, left, top = place
    found = scene(bench.heldout, bench.heldout_sources, source, name)
    return np.ascontiguousarray(found.pixels[top : top + SIDE + 128, left : left + SIDE + 128]), found.metres


def region(bench: Bench, place, core=128, margin=64, noise="canvas", settings=None, strength=None):
    """Render the 512² in the middle of a place's square; its corner is a corner of a core."""
    real, metres = square(bench, place)
    mosaic = Mosaic(bench.generate, area_average(real, 4), metres * 4, settings or bench.settings,
                    (bench.strength(1) if strength is None else strength,), core, margin, noise, seed=3, origin=16)
    return mosaic.picture(1, 0, 0, SIDE, SIDE), mosaic


def run_noise(bench: Bench) -> dict:
    places = PLACES[: bench.count(4)]
    result, pictures = {"settings": str(bench.settings), "strength": bench.strength(1), "rows": {}}, {}
    for overlap, core, margin in (("on", 128, 64), ("off", 256, 0)):
        for mode in MODES:
            made = [region(bench, p, core, margin, mode) for p in places]
            pictures[overlap, mode] = made[0][0]
            result["rows"][f"{overlap} {mode}"] = seams.report(
                [m[0] for m in made], [m[1].windows[1] for m in made], core, margin)
    real = [square(bench, p)[0][64:-64, 64:-64] for p in places]
    result["rows"]["real"] = seams.report(real, [], 128, 64)
    draw(bench, pictures, real[0])
    return result


def draw(bench, pictures, real, size=256):
    cut = slice(128, 128 + size)
    rows = [[pictures[overlap, mode][cut, cut] for mode in MODES] + [real[cut, cut]] for overlap in ("on", "off")]
    page = sheets.sheet(rows, ["overlap\non", "overlap\noff"], (*MODES, "real"))
    sheets.save(page, bench.out / "results-noise.jpg", 85)


def run_margins(bench: Bench) -> dict:
    places = PLACES[: bench.count(3)]
    result = {"settings": str(bench.settings), "rows": {}}
    for core, margin in [(128, m) for m in MARGINS] + [(256, 32), (256, 64)]:
        started = time.perf_counter()
        made = [region(bench, p, core, margin) for p in places]
        seconds = (time.perf_counter() - started) / (len(places) * SIDE**2 / 1e6)
        row = seams.report([m[0] for m in made], [m[1].windows[1] for m in made], core, margin)
        row["pixels per pixel"] = ((core + 2 * margin) / core) ** 2
        row["seconds per megapixel"] = seconds
        result["rows"][f"{core} {margin}"] = row
    return result

