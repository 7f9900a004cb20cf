"""Cascades of four ×4 steps from boxes of the base map: choosing a strength per level, and measuring the choice."""

from dataclasses import replace

import numpy as np


from . import fidelity, frechet, sheets, spectrum
from .bench import Bench
from .places import bicubic, boxes, draw_crops, middle
from .statistics import figure

LEVELS = 4
OCTAVES = (10, 8, 6, 4)  # of levels 1 … 4: 1.2 km, 306 m, 76 m, 19 m
STRENGTHS = (0.0, 0.15, 0.3, 0.45, 0.6, 0.8, 1.0)
CONSTANT = (0.0, 0.3, 0.6, 1.0)
MOST = 8.0  # RMSE to the condition, grey levels, that a chosen strength may cost
LANDS = {  # land: box, column and row of the middle in it
    "coast": ("california", 85, 141), "forest": ("congo", 110, 150), "farmland": ("himalaya", 90, 218),
    "desert": ("sahara_libya", 110, 100), "mountains": ("alps_italy", 90, 135), "city": ("great_lakes", 121, 258),
}
LOWER = 2  # ring of 1/32 cycle per pixel: the lower end of what the condition holds and a crop of 128 shows


def heldout_bases(bench: Bench, count=24):
    """Squares of 64² out of the held-out boxes, two or more a box: [(name, pixels, metres)]."""
    found = []
    places = boxes(bench.heldout, bench.heldout_sources)
    for index in range(count):
        name = sorted(places)[index % len(places)]
        pixels, metres = places[name]
        rng = np.random.default_rng([7, index])
        x, y = (int(rng.integers(v - 63)) for v in (pixels.shape[1], pixels.shape[0]))
        found.append((f"{name} {index}", pixels[y : y + 64, x : x + 64], metres))
    return found


def tuning_bases(bench: Bench, count=12):
    """Squares of 64² out of the trained part of the base map."""
    crops = draw_crops(bench.tuning, bench.tuning_sources, 64, count, (12,), seed=11)[12]
    return [(f"training {i}", crop, metres) for i, (crop, metres) in enumerate(crops)]


def lands(bench: Bench):
    found = []
    for land, (box, x, y) in LANDS.items():
        pixels, metres = boxes(bench.heldout, bench.heldout_sources, [box])[box]
        found.append((land, np.ascontiguousarray(pixels[y - 32 : y + 32, x - 32 : x + 32]), metres))
    return found


def step(bench: Bench, bases, coarse, level: int, strength: float, settings=None, seed=0):
    """One level of all cascades: (n, 64, 64, 3) → (n, 256, 256, 3)."""
    metres = [m / 4**level for *_, m in bases]
    return bench.generate(coarse, metres, strength, settings or bench.settings, seed=100 * seed + level)


def quarters(images):
    return np.concatenate([images[:, y : y + 128, x : x + 128] for y in (0, 128) for x in (0, 128)])


def slope(curves) -> np.ndarray:
    """ln of the high band's energy over that of the band below: detail in proportion to what it hangs on."""
    below = (curves * spectrum.AREAS)[..., LOWER : spectrum.CONDITION_NYQUIST].sum(-1)
    return np.log(spectrum.high_band(curves) / below)


def curve_distance(made, real) -> float:
    """Mean |ln| of the ratio of typical (median) powers over the rings from 1/32 to ½: how far the curve is off."""
    ratio = (np.median(made, axis=0) / np.median(real, axis=0))[LOWER:]
    return float(np.abs(np.log(ratio)).mean())


def real_crops(bench: Bench, level: int, tuning: bool):
    octave = OCTAVES[level - 1]
    return np.stack([c for c, _ in bench.crops(128, bench.count(48, 8), (octave,), 3, tuning)[octave]])


def figures(bench: Bench, made, coarse, level: int, real, real_features, real_curves) -> dict:
    """Figures of one level's pictures against real crops of that resolution (other places)."""
    parts = quarters(made)
    curves = spectrum.spectra(parts)
    errors = np.array([fidelity.disagreement(i, c) for i, c in zip(made, coarse)])
    slopes, details = slope(curves), np.array([fidelity.detail(i) for i in made])
    n = len(made)
    # A crop's four quarters go together, so one index draws all of them.
    four = np.stack(np.split(np.arange(len(parts)), 4), axis=1)
    features = bench.features(parts)
    grouped = features[four].reshape(n, -1, features.shape[-1])

    def to_real(i):
        return frechet.distance(frechet.flat(grouped[i]), frechet.flat(real_features))

    own, energy = np.median(slope(real_curves)), spectrum.high_band(real_curves).mean()
    to_real_interval = figure(to_real, n, 200, centred=True)["interval"]
    return {
        "slope": figure(lambda i: float(np.median(slopes[four[i]]) - own), n),
        "distance": figure(lambda i: curve_distance(curves[four[i].ravel()], real_curves), n),
        "energy": figure(lambda i: float(spectrum.high_band(curves[four[i]]).mean() / energy), n),
        "detail": figure(lambda i: float(details[i].mean()), n),
        "real detail": float(np.mean([fidelity.detail(i) for i in real])),
        "rmse": figure(lambda i: float(np.sqrt((errors[i, 0] ** 2).mean())), n),
        "drift": figure(lambda i: float(errors[i, 1].mean()), n),
        "drift size": figure(lambda i: float(np.abs(errors[i, 1]).mean()), n),
        "frechet": {"value": to_real(np.arange(n)), "interval": to_real_interval, "n": 4 * len(parts)},
        "curve": curves.mean(0).tolist(),
    }


def reals(bench, level, tuning):
    real = real_crops(bench, level, tuning)
    return real, bench.features(real), spectrum.spectra(real)


def choose(bench: Bench) -> dict:
    """Level by level on training places: the strength whose spectrum is nearest to real imagery's, within MOST."""
    bases = tuning_bases(bench, bench.count(12, 3))
    coarse = np.stack([b for _, b, _ in bases])
    result = {"settings": str(bench.settings), "levels": [], "chosen": []}
    for level in range(1, LEVELS + 1):
        compared = reals(bench, level, tuning=True)
        rows, pictures = {}, {}
        for u in STRENGTHS:
            pictures[u] = step(bench, bases, coarse, level, u)
            rows[f"{u:g}"] = figures(bench, pictures[u], coarse, level, *compared)
        agreeing = [u for u in STRENGTHS if rows[f"{u:g}"]["rmse"]["value"] <= MOST] or [min(STRENGTHS)]
        best = min(agreeing, key=lambda u: rows[f"{u:g}"]["distance"]["value"])
        for row in rows.values():
            del row["curve"]
        result["levels"].append(rows)
        result["chosen"].append(best)
        coarse = np.stack([middle(p, 64) for p in pictures[best]])
    return result


def run(bench: Bench) -> dict:
    """The model's own strengths, with and without projection, and constant ones, at held-out boxes."""
    bases = heldout_bases(bench, bench.count(24, 4))
    plans = {"default": (bench.strengths, bench.settings),
             "default, projected": (bench.strengths, replace(bench.settings, project=True)),
             **{f"u = {u:g}": ((u,), bench.settings) for u in CONSTANT if (u,) != tuple(bench.strengths)}}
    result = {"settings": str(bench.settings), "strengths": list(bench.strengths), "boxes": len(bases), "plans": {},
              "bicubic": [], "floor": []}
    compared = {level: reals(bench, level, tuning=False) for level in range(1, LEVELS + 1)}
    for name, (strengths, settings) in plans.items():
        coarse, rows = np.stack([b for _, b, _ in bases]), []
        for level in range(1, LEVELS + 1):
            u = strengths[min(level, len(strengths)) - 1]
            made = step(bench, bases, coarse, level, u, settings)
            rows.append(figures(bench, made, coarse, level, *compared[level]))
            if name == "default":
                enlarged = np.stack([bicubic(c) for c in coarse])
                result["bicubic"].append(figures(bench, enlarged, coarse, level, *compared[level]))
            coarse = np.stack([middle(p, 64) for p in made])
        result["plans"][name] = rows
    for level in range(1, LEVELS + 1):
        training = real_crops(bench, level, tuning=True)
        both = bench.features(training), compared[level][1]
        result["floor"].append(frechet.distance(*map(frechet.flat, both)))
    draw(bench)
    return result


def draw(bench: Bench):
    """Six lands, four levels."""
    chosen = lands(bench)
    rows = [[sheets.nearest(b, 256)] for _, b, _ in chosen]
    coarse = np.stack([b for _, b, _ in chosen])
    for level in range(1, LEVELS + 1):
        made = step(bench, chosen, coarse, level, bench.strength(level))
        for row, picture in zip(rows, made):
            row.append(picture)
        coarse = np.stack([middle(p, 64) for p in made])
    heads = ["base map"] + [f"level {k}: {4890 / 4**k:.0f} cos(lat) m" for k in range(1, LEVELS + 1)]
    page = sheets.sheet(rows, [name for name, *_ in chosen], heads)
    sheets.save(page, bench.out / "results-cascade.jpg", 78)
