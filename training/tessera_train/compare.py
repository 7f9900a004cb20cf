"""Compare what the network is taught to predict: v, ε, and ε with P2 weights, all else equal.

    python -m tessera_train.compare --data TRAIN --heldout HELDOUT --out FOLDER [--steps 800] [--seeds 1 2]

Every variant starts from the same weights and sees the same crops, noise and timesteps. FOLDER/compare.csv: the mean
square error of the estimate of the clean image (in [-1, 1]) on held-out crops in bins of log-SNR λ = ln(√ᾱ/√(1 − ᾱ)),
the same measure whatever was predicted; and the detail (RMS of what ×4 averaging removes) of DDIM samples over that of
real crops.
"""

import argparse
import csv
import math
import time
from pathlib import Path

import numpy as np
import torch

from .data import make_sampler
from .diffusion import estimates, log_snr
from .imagery import area_average
from .train import HERE, read_json
from .trainer import Trainer

VARIANTS = {"v": ("v", 0.0), "epsilon": ("epsilon", 0.0), "epsilon, P2 0.5": ("epsilon", 0.5),
            "epsilon, P2 1": ("epsilon", 1.0)}
EDGES = (-4.5, -2.0, -1.0, 0.0, 1.0, 2.0, 4.0)


def levels(schedule) -> dict[int, list[int]]:
    """Timesteps of every bin of log-SNR: four each, evenly over its timesteps."""
    values = np.array([log_snr(float(v)) for v in schedule.alpha_bar])
    bins = {}
    for i, (low, high) in enumerate(zip(EDGES, EDGES[1:])):
        inside = np.flatnonzero((values >= low) & (values < high))
        if len(inside):
            bins[i] = [int(inside[int(f * len(inside))]) for f in (0.125, 0.375, 0.625, 0.875)]
    return bins


@torch.no_grad()
def clean_error(trainer: Trainer, batch, timestep: int) -> float:
    """Mean square error of the estimate of the clean image from the averaged weights."""
    generator = torch.Generator().manual_seed(timestep)
    noise = torch.randn(batch.target.shape, generator=generator).to(trainer.device)
    x0, coarse = (trainer.place(v).float() / 127.5 - 1 for v in (batch.target, batch.coarse))
    ab = float(trainer.schedule.alpha_bar[timestep])
    x = math.sqrt(ab) * x0 + math.sqrt(1 - ab) * noise
    t = torch.full((len(x0),), timestep, device=trainer.device)

    def averaged(*arguments):
        return torch.func.functional_call(trainer.model, trainer.ema, arguments)

    prediction = trainer.predict(x, coarse, t, batch.metres, batch.strength, averaged).float()
    estimate, _ = estimates(x, prediction, ab, trainer.recipe["prediction"])
    return float((estimate - x0).square().mean())


def detail(images: np.ndarray) -> float:
    """RMS of what ×4 averaging removes, of (N, 3, H, W) uint8."""
    square = []
    for image in images.transpose(0, 2, 3, 1):
        coarse = area_average(image, 4).repeat(4, axis=0).repeat(4, axis=1)
        square.append((image.astype(float) - coarse) ** 2)
    return math.sqrt(np.mean(square))


def train(config, recipe, sampler, steps) -> Trainer:
    trainer = Trainer(config, recipe)
    for step in range(steps):
        trainer.update(sampler.batch(step), step / steps)
    return trainer


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default=HERE / "configs/small.json")
    parser.add_argument("--recipe", default=HERE / "configs/recipe-tiny.json")
    parser.add_argument("--sources", default=HERE / "configs/sources.json")
    parser.add_argument("--heldout-sources", default=HERE / "configs/heldout.json")
    parser.add_argument("--data", required=True)
    parser.add_argument("--heldout", required=True, help="imagery that is only measured on")
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--size", type=int, default=64, help="of the crops")
    parser.add_argument("--count", type=int, default=16, help="crops a step")
    parser.add_argument("--rate", type=float, default=1e-3, help="learning rate")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args(argv)
    torch.set_num_threads(arguments.threads)
    arguments.out.mkdir(parents=True, exist_ok=True)
    recipe = {
        **read_json(arguments.recipe), "precision": "float32", "learning_rate": arguments.rate, "warmup": 50,
        "batches": [{"size": arguments.size, "count": arguments.count, "share": 1}], "ema": 0.99,
    }
    crops = [{"size": arguments.size, "count": 64, "share": 1}]
    heldout = make_sampler(arguments.heldout, {**recipe, "batches": crops}, arguments.heldout_sources).batch(0)
    sampler = make_sampler(arguments.data, recipe, arguments.sources)
    with open(arguments.out / "compare.csv", "w", newline="") as file:
        rows = csv.writer(file)
        bins = [f"mse {low:g}..{high:g}" for low, high in zip(EDGES, EDGES[1:])]
        rows.writerow(["prediction", "seed", "steps", "seconds", *bins, "detail"])
        for seed in arguments.seeds:
            for name, (prediction, gamma) in VARIANTS.items():
                started = time.monotonic()
                given = {**recipe, "seed": seed, "prediction": prediction, "p2_gamma": gamma}
                sampler.recipe = given
                trainer = train(read_json(arguments.config), given, sampler, arguments.steps)
                errors = {
                    i: np.mean([clean_error(trainer, heldout, t) for t in steps])
                    for i, steps in levels(trainer.schedule).items()
                }
                sampled = trainer.sample(heldout.coarse, heldout.metres, heldout.strength)
                ratio = detail(sampled) / detail(heldout.target)
                cells = [f"{errors[i]:.5f}" if i in errors else "" for i in range(len(bins))]
                row = [name, seed, arguments.steps, f"{time.monotonic() - started:.0f}", *cells, f"{ratio:.3f}"]
                rows.writerow(row)
                file.flush()
                print(*row, flush=True)


if __name__ == "__main__":
    main()
