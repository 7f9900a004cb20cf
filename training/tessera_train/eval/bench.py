"""What every experiment needs: model, features, places, and where results go."""

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from ..imagery import area_average
from . import fidelity, frechet, spectrum
from .features import Features, InceptionFeatures
from .generator import Generator, Settings
from .places import bicubic, draw_crops
from .statistics import figure


@dataclass
class Bench:
    """A model file on a folder of held-out imagery (`heldout`) and one to choose settings on (`tuning`)."""

    model: str
    heldout: Path
    tuning: Path
    heldout_sources: Path
    tuning_sources: Path
    out: Path
    settings: Settings | None = None
    strengths: tuple | None = None
    scale: float = 1.0
    inception: str | None = None
    budget: int = 1 << 17
    crops_drawn: dict = field(default_factory=dict)

    def __post_init__(self):
        self.generate = Generator(self.model, budget=self.budget, kept=self.out / "kept")
        defaults = self.generate.metadata["defaults"]
        if self.settings is None:
            self.settings = Settings(defaults["sampler"], defaults["steps"], defaults.get("spacing", "t"))
        if self.strengths is None:
            strength = defaults.get("degradation", 0.0)
            self.strengths = tuple(strength) if isinstance(strength, list) else (strength,)

    @cached_property
    def features(self):
        return Features()

    @cached_property
    def official(self):
        return InceptionFeatures(self.inception) if self.inception else None

    def count(self, number: int, least: int = 1) -> int:
        """A sample size under the wanted scale of effort."""
        return max(least, round(number * self.scale))

    def crops(self, size: int, count: int, octaves, seed: int = 1, tuning: bool = False):
        """octave → [(crop, metres)], drawn once."""
        key = (size, count, tuple(octaves), seed, tuning)
        if key not in self.crops_drawn:
            folder = (self.tuning, self.tuning_sources) if tuning else (self.heldout, self.heldout_sources)
            self.crops_drawn[key] = draw_crops(*folder, size, count, octaves, seed)
        return self.crops_drawn[key]

    def strength(self, level: int) -> float:
        return self.strengths[min(level, len(self.strengths)) - 1]


@dataclass
class Pairs:
    """Real crops with their ×4 averages: what a set of made pictures is held against."""

    bench: Bench
    real: np.ndarray
    metres: list
    octaves: np.ndarray

    @staticmethod
    def of(bench: Bench, crops: dict) -> "Pairs":
        rows = [(o, crop, metres) for o, drawn in crops.items() for crop, metres in drawn]
        return Pairs(bench, np.stack([c for _, c, _ in rows]), [m for *_, m in rows], np.array([o for o, *_ in rows]))

    @cached_property
    def coarse(self):
        return np.stack([area_average(c, 4) for c in self.real])

    @cached_property
    def bicubic(self):
        return np.stack([bicubic(c) for c in self.coarse])

    @cached_property
    def real_spectra(self):
        return spectrum.spectra(self.real)

    @cached_property
    def real_features(self):
        return self.bench.features(self.real)

    @cached_property
    def official_features(self):
        return self.bench.official(self.real)

    def only(self, chosen) -> "Pairs":
        return Pairs(self.bench, self.real[chosen], [m for m, c in zip(self.metres, chosen) if c], self.octaves[chosen])

    def make(self, strength, settings=None, metres=None, seed=0):
        return self.bench.generate(self.coarse, metres or self.metres, strength, settings or self.bench.settings, seed)

    def figures(self, made, fidelities: bool = True) -> dict:
        """All figures of made pictures, one per crop, each with an interval over crops."""
        n = len(made)
        curves = spectrum.spectra(made)
        errors = np.array([fidelity.disagreement(i, c) for i, c in zip(made, self.coarse)])
        features = self.bench.features(made)
        found = {
            "frechet": frechet.figure(features, self.real_features),
            "high_band": figure(lambda i: spectrum.high_band_ratio(curves[i], self.real_spectra[i]), n),
            "deviation": figure(lambda i: spectrum.deviation(curves[i], self.real_spectra[i]), n),
            "rmse": figure(lambda i: float(np.sqrt((errors[i, 0] ** 2).mean())), n),
            "drift": figure(lambda i: float(errors[i, 1].mean()), n),
            "curve": curves.mean(0).tolist(),
        }
        if self.bench.official:
            found["inception"] = frechet.figure(self.bench.official(made), self.official_features, 20)
        if fidelities:
            for name, values in (
                ("psnr", np.array([fidelity.psnr(a, b) for a, b in zip(made, self.real)])),
                ("ssim", np.array([fidelity.ssim(a, b) for a, b in zip(made, self.real)])),
                ("perceptual", self.bench.features.distance(made, self.real)),
            ):
                found[name] = figure(lambda i, v=values: float(v[i].mean()), n)
        return found


def write(bench: Bench, name: str, results: dict):
    bench.out.mkdir(parents=True, exist_ok=True)
    (bench.out / f"{name}.json").write_text(json.dumps(rounded(results), indent=1, ensure_ascii=False) + "\n")


def rounded(value):
    """Five significant digits: enough for any table, and a file that people can read."""
    if isinstance(value, dict):
        return {str(k): rounded(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(v) for v in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value
