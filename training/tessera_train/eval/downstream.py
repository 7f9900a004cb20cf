"""The data engine: does a scene classifier gain from generated images?

Chips of 64² with the class in the file name (EuroSAT). Seven classes, few chips each; a classifier on the real chips
alone, with usual augmentation, and with five generated variants of each chip (its ×4 average made fine again, five
seeds and strengths). Tested on the chips left over, several random splits.
"""

import re

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from ..imagery import area_average
from .bench import Bench
from .features import tensor
from .statistics import figure

CLASSES = ("AnnualCrop", "Forest", "HerbaceousVegetation", "Highway", "Industrial", "PermanentCrop", "Residential")
METRES, VARIANTS = 10.0, 5


def chips(*folders):
    """Return (pictures (n, 64, 64, 3), class numbers)."""
    found = []
    for folder in folders:
        for path in sorted((folder / "sentinel2_10m").glob("eurosat_*.jpg")):
            name = re.match(r"eurosat_([A-Za-z]+)_", path.name).group(1)
            if name in CLASSES:
                found.append((np.asarray(Image.open(path).convert("RGB")), CLASSES.index(name)))
    if not found:
        raise ValueError(f"no chips eurosat_CLASS_N.jpg in sentinel2_10m under {', '.join(map(str, folders))}")
    return np.stack([c for c, _ in found]), np.array([k for _, k in found])


def variants(bench: Bench, pictures):
    """(n, VARIANTS, 64, 64, 3)."""
    coarse = np.stack([area_average(p, 4) for p in pictures])
    made = [bench.generate(coarse, [METRES] * len(coarse), u, bench.settings, seed=50 + k)
            for k, u in enumerate(np.linspace(0, 0.6, VARIANTS))]
    return np.stack(made, axis=1)


def classifier():
    def block(i, o):
        return [nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*block(3, 16), *block(16, 32), *block(32, 48), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         nn.Dropout(0.3), nn.Linear(48, len(CLASSES)))


def fit(pictures, labels, seed: int, steps: int):
    """The same number of steps and the same augmentation, whatever the training set."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = classifier()
    optimiser = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=0.05)
    plan = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    x, y = tensor(pictures), torch.from_numpy(labels)
    for _ in range(steps):
        chosen = rng.integers(len(x), size=32)
        batch = torch.rot90(x[chosen], int(rng.integers(4)), (2, 3))
        batch = batch.flip(3) if rng.random() < 0.5 else batch
        loss = F.cross_entropy(net(batch + 0.02 * torch.randn_like(batch)), y[chosen], label_smoothing=0.1)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        plan.step()
    return net.eval()


@torch.inference_mode()
def accuracy(net, pictures, labels) -> float:
    return float((net(tensor(pictures)).argmax(1).numpy() == labels).mean())


def run(bench: Bench, per_class=5, seeds=5, steps=300) -> dict:
    pictures, labels = chips(bench.tuning, bench.heldout)
    made = variants(bench, pictures)
    scores = {"real": [], "real and generated": [], "generated": []}
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        train = np.concatenate([rng.permutation(np.flatnonzero(labels == k))[:per_class] for k in range(len(CLASSES))])
        test = np.setdiff1d(np.arange(len(labels)), train)
        fake, fake_labels = made[train].reshape(-1, *pictures.shape[1:]), np.repeat(labels[train], VARIANTS)
        sets = {"real": (pictures[train], labels[train]), "generated": (fake, fake_labels),
                "real and generated": (np.concatenate([pictures[train]] * VARIANTS + [fake]),
                                       np.concatenate([labels[train]] * VARIANTS + [fake_labels]))}
        for name, (x, y) in sets.items():
            scores[name].append(accuracy(fit(x, y, seed, bench.count(steps, 20)), pictures[test], labels[test]))
    gain = np.subtract(scores["real and generated"], scores["real"])
    return {"chips": len(labels), "train": per_class * len(CLASSES), "test": len(labels) - per_class * len(CLASSES),
            "seeds": seeds, "scores": scores,
            "gain": figure(lambda i: float(gain[i].mean()), len(gain)),
            **{name: figure(lambda i, v=np.array(v): float(v[i].mean()), len(v)) for name, v in scores.items()}}
