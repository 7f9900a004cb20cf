"""The method's ablations: cascade against one ×64 step, and the resolution that the network is told."""

import numpy as np

from . import frechet, levels, sheets, spectrum
from .bench import Bench, Pairs
from .mosaic import Mosaic
from .places import bicubic
from .statistics import figure

GUIDANCE = {"right": lambda m: m, "constant 16 m": lambda m: 16.0, "4 times too coarse": lambda m: 4 * m,
            "4 times too fine": lambda m: m / 4}


def run_cascade(bench: Bench) -> dict:
    """256² at level 3 from 4² pixels (and their surroundings) of the map: three ×4 steps, or one of ×64.

    The one step has the base map, enlarged ×16 by bicubic, as its condition: the network knows no other way.
    """
    bases = levels.lands(bench)[: bench.count(6, 2)]
    real, real_features, real_curves = levels.reals(bench, 3, tuning=False)
    made = {"three steps": [], "one step, u default": [], "one step, u = 1": [], "bicubic": []}
    corner = 1920  # the middle of a level-3 picture of 4096², a multiple of the core's side
    for _, base, metres in bases:
        mosaic = Mosaic(bench.generate, base, metres, bench.settings, bench.strengths)
        made["three steps"].append(mosaic.picture(3, corner, corner, 256, 256))
        enlarged = bicubic(base, 16)
        for name, u in (("one step, u default", bench.strength(1)), ("one step, u = 1", 1.0)):
            one = Mosaic(bench.generate, enlarged, metres / 16, bench.settings, (u,))
            made[name].append(one.picture(1, corner, corner, 256, 256))
        made["bicubic"].append(bicubic(enlarged, 4)[corner : corner + 256, corner : corner + 256])
    result = {"settings": str(bench.settings), "places": len(bases), "rows": {}}
    for name, pictures in made.items():
        parts = levels.quarters(np.stack(pictures))
        curves, features = spectrum.spectra(parts), bench.features(parts)
        slopes = levels.slope(curves)

        def to_real(i, f=features):
            return frechet.distance(frechet.flat(f[i]), frechet.flat(real_features))

        result["rows"][name] = {
            "slope": figure(lambda i: float(np.median(slopes[i]) - np.median(levels.slope(real_curves))), len(parts)),
            "high_band": figure(lambda i: spectrum.high_band_ratio(curves[i], real_curves), len(parts)),
            "frechet": figure(to_real, len(parts), 200, centred=True)}
    rows = [[made[k][i] for k in made] for i in range(len(bases))]
    sheets.save(sheets.sheet(rows, [b[0] for b in bases], tuple(made)), bench.out / "results-x64.jpg", 80)
    return result


def run_guidance(bench: Bench) -> dict:
    """The same crops and noise, four answers to how large a pixel is on the ground."""
    pairs = Pairs.of(bench, bench.crops(128, bench.count(12, 2), (0, 3, 5, 7, 9)))
    u = bench.strength(1)
    result = {"settings": str(bench.settings), "strength": u, "rows": {}}
    pictures = {}
    own = bench.features.octaves(pairs.real).mean(1)
    for name, rule in GUIDANCE.items():
        made = pictures[name] = pairs.make(u, metres=[rule(m) for m in pairs.metres])
        seen = bench.features.octaves(made).mean(1) - own
        row = pairs.figures(made)
        result["rows"][name] = {k: row[k] for k in ("frechet", "high_band", "deviation", "perceptual")} | {
            "octave": figure(lambda i, s=seen: float(s[i].mean()), len(seen)),
            "octave error": figure(lambda i, s=seen: float(np.abs(s[i]).mean()), len(seen))}
    chosen = [int(np.flatnonzero(pairs.octaves == o)[0]) for o in sorted(set(pairs.octaves.tolist()))]
    rows = [[pairs.bicubic[i]] + [pictures[k][i] for k in GUIDANCE] + [pairs.real[i]] for i in chosen]
    sheets.save(sheets.sheet(rows, [f"{pairs.metres[i]:.3g} m" for i in chosen], ("condition", *GUIDANCE, "real")),
                bench.out / "results-guidance.jpg", 82)
    return result
