"""What the degradation of the conditions is for: three small networks, all else equal, in four-step cascades."""

from dataclasses import replace

import numpy as np

from .. import export, modelfile
from ..data import make_sampler
from ..train import HERE, read_json
from ..trainer import Trainer
from . import levels, sheets
from .bench import Bench
from .generator import Settings
from .places import middle

VARIANTS = {  # name: rounds of degradation, strength asked for
    "reduced by bicubic only": (0, 0.0), "degraded once": (1, 0.5), "degraded twice": (2, 0.5),
}
STEPS, CROPS = 1500, 16


def train(bench: Bench, rounds: int, steps: int):
    """Train the small configuration; returns the path of its model file."""
    config = read_json(HERE / "configs/small.json")
    recipe = {**read_json(HERE / "configs/recipe-tiny.json"), "batches": [{"size": 64, "count": CROPS, "share": 1.0}],
              "degradation": {"rounds": rounds, "kernel": "bicubic"}, "learning_rate": 1e-3, "warmup": 50}
    sampler = make_sampler(bench.tuning, recipe, bench.tuning_sources)
    trainer = Trainer(config, recipe)
    for step in range(steps):
        trainer.update(sampler.batch(step), step / steps)
    path = bench.out / f"degradation-{rounds}.safetensors"
    described = export.metadata(trainer.config, {"sampler": "dpm++", "steps": 10}, [1.0, 4096.0], "trial", [], "0" * 64)
    modelfile.write(path, trainer.ema, described)
    return path


def run(bench: Bench) -> dict:
    bases, shown = levels.heldout_bases(bench, bench.count(12, 3)), levels.lands(bench)[:4]
    compared = {level: levels.reals(bench, level, tuning=False) for level in range(1, levels.LEVELS + 1)}
    settings = Settings("dpm++", 10, "logsnr")
    steps = bench.count(STEPS, 3)
    result, rows, labels = {"steps": steps, "crops": steps * CROPS, "rows": {}}, [], []
    for name, (rounds, u) in VARIANTS.items():
        own = replace(bench, model=str(train(bench, rounds, steps)), settings=settings, strengths=(u,))
        own.crops_drawn = bench.crops_drawn
        coarse, found = np.stack([b for _, b, _ in bases]), []
        for level in range(1, levels.LEVELS + 1):
            made = levels.step(own, bases, coarse, level, u)
            row = levels.figures(own, made, coarse, level, *compared[level])
            del row["curve"]
            found.append(row)
            coarse = np.stack([middle(p, 64) for p in made])
        result["rows"][name] = found
        coarse = np.stack([b for _, b, _ in shown])
        for level in range(1, levels.LEVELS + 1):
            made = levels.step(own, shown, coarse, level, u)
            coarse = np.stack([middle(p, 64) for p in made])
            if level in (2, 4):
                rows.append(list(made))
                labels.append("\n".join([*name.split(" "), f"level {level}"]))
    sheets.save(sheets.sheet(rows, labels, [b[0] for b in shown]), bench.out / "results-degradation.jpg", 80)
    return result
