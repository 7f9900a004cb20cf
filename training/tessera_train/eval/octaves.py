"""One ×4 step at held-out places, octave by octave, against bicubic."""

import numpy as np

from . import frechet, sheets
from .bench import Bench, Pairs
from .places import OCTAVES
from .statistics import centred_bootstrap

STRENGTHS = (0.0, 0.3)


def run(bench: Bench) -> dict:
    pairs = Pairs.of(bench, bench.crops(128, bench.count(16, 3), OCTAVES))
    other = Pairs.of(bench, bench.crops(128, bench.count(16, 3), OCTAVES, seed=2))
    made = {"bicubic": pairs.bicubic}
    for u in STRENGTHS:
        made[f"u = {u:g}"] = pairs.make(u)
    result = {"crops": len(pairs.real), "settings": str(bench.settings),
              "floor": frechet.figure(other.real_features, pairs.real_features),
              "all": {name: pairs.figures(images) for name, images in made.items()},
              "curve of real": pairs.real_spectra.mean(0).tolist(), "octaves": {}}
    for name, images in made.items():
        if name != "bicubic":
            result["all"][name]["of bicubic"] = of_bicubic(bench, pairs, images)
    for o in sorted(set(pairs.octaves.tolist())):
        chosen = pairs.octaves == o
        part = pairs.only(chosen)
        result["octaves"][f"{2.0**o:g}"] = {name: part.figures(images[chosen]) for name, images in made.items()}
    draw(bench, pairs, made)
    sheets.plot({"real": pairs.real_spectra.mean(0), **{k: v["curve"] for k, v in result["all"].items()}},
                bench.out / "results-spectrum.png")
    return result


def of_bicubic(bench, pairs, images) -> dict:
    """Fréchet distance over that of bicubic, from the same resampled crops."""
    features = [bench.features(v) for v in (images, pairs.bicubic)]

    def ratio(i):
        real = frechet.flat(pairs.real_features[i])
        mine, theirs = (frechet.distance(frechet.flat(f[i]), real) for f in features)
        return mine / theirs

    n = len(images)
    return {"value": ratio(np.arange(n)), "interval": centred_bootstrap(ratio, n), "n": n}


def draw(bench, pairs, made, per_octave=2):
    rows, labels = [], []
    best = [name for name in made if name != "bicubic"][-1]
    for o in sorted(set(pairs.octaves.tolist())):
        chosen = np.flatnonzero(pairs.octaves == o)[:per_octave]
        rows.append([v[i] for i in chosen for v in (made["bicubic"], made[best], pairs.real)])
        labels.append("\n".join(f"{pairs.metres[i]:.3g} m" for i in chosen))
    heads = ("condition (bicubic)", f"generated, {best}", "real") * per_octave
    sheets.save(sheets.sheet(rows, labels, heads), bench.out / "results-heldout.jpg", 80)
