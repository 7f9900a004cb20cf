"""Run a model file: coarse pictures in, fine pictures out."""

import hashlib
import math
import os
from dataclasses import dataclass, replace

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from .. import modelfile
from ..diffusion import SAMPLERS, Schedule


@dataclass(frozen=True)
class Settings:
    """How to sample: sampler, calls of the network, spacing of its timesteps, and what follows.

    `project` adds the up-sampled difference between the condition and the result's ×4 average to the result.
    `start` < T begins at that timestep, from the bicubically enlarged condition and noise, not from noise alone.
    """

    sampler: str = "ddim"
    steps: int = 12
    spacing: str = "t"
    project: bool = False
    start: int | None = None

    @staticmethod
    def parse(text: str) -> "Settings":
        """Read `ddim:12`, `dpm++:10:logsnr`, with `:project` and `:start=400` behind."""
        name, steps, *options = text.split(":")
        settings = Settings(name, int(steps))
        for option in options:
            if option in ("t", "logsnr"):
                settings = replace(settings, spacing=option)
            elif option == "project":
                settings = replace(settings, project=True)
            elif option.startswith("start="):
                settings = replace(settings, start=int(option[6:]))
            else:
                raise ValueError(f"{option!r} in {text!r}; use t, logsnr, project or start=T")
        if settings.sampler not in SAMPLERS:
            raise ValueError(f"sampler {name!r} in {text!r}; use {' or '.join(SAMPLERS)}")
        return settings

    def __str__(self):
        options = [self.spacing] * (self.spacing != "t") + ["project"] * self.project
        options += [f"start={self.start}"] * (self.start is not None)
        return ":".join([self.sampler, str(self.steps), *options])


@dataclass(frozen=True)
class PartOfSchedule:
    """The first timesteps of a schedule, so that a sampler begins at the last of them."""

    alpha_bar: np.ndarray

    def __len__(self):
        return len(self.alpha_bar)


class Generator:
    """Sample a model file: coarse uint8 (N, h, w, 3) to fine uint8 (N, 4h, 4w, 3).

    `budget` is the number of pixels that go through the network together. Results are kept in the folder `kept`, if
    given, so that an interrupted measurement goes on where it was.
    """

    def __init__(self, path, bf16: bool = True, budget: int = 1 << 17, kept=None):
        self.kept = Path(kept) if kept else None
        self.identity = hashlib.sha256(Path(path).read_bytes()).hexdigest() if kept else ""
        self.model, self.metadata = modelfile.read(path)
        self.model = self.model.to(memory_format=torch.channels_last)
        self.schedule = Schedule.from_config(self.metadata["schedule"])
        self.bf16, self.budget = bf16, budget

    def scalars(self, t, metres, strengths):
        values = {"timestep": [float(t)] * len(metres), "degradation": strengths,
                  "log2_resolution": [math.log2(m) for m in metres]}
        return torch.tensor([values[s["name"]] for s in self.metadata["scalars"]], dtype=torch.float32).T

    def noise(self, count, h, w, seed):
        return torch.randn((count, 3, h, w), generator=torch.Generator().manual_seed(seed))

    @torch.inference_mode()
    def __call__(self, coarse, metres, strength, settings: Settings, seed=0, noise=None):
        """`metres` per crop; `strength` one number or one per crop; `noise` (N, 3, 4h, 4w), else drawn from `seed`."""
        n, h, w, _ = coarse.shape
        noise = self.noise(n, 4 * h, 4 * w, seed) if noise is None else torch.as_tensor(noise)
        strengths = [float(strength)] * n if np.ndim(strength) == 0 else [float(u) for u in strength]
        size = max(1, self.budget // (16 * h * w))
        parts = [self.keep(coarse[i : i + size], metres[i : i + size], strengths[i : i + size], settings,
                           noise[i : i + size]) for i in range(0, n, size)]
        return np.concatenate(parts)

    def keep(self, coarse, metres, strengths, settings, noise):
        """Make a batch, or read it if it was made before."""
        if self.kept is None:
            return self.batch(coarse, metres, strengths, settings, noise)
        told = [self.identity, str(settings), self.bf16, [float(m) for m in metres], strengths, list(coarse.shape)]
        digest = hashlib.sha256(repr(told).encode())
        digest.update(np.ascontiguousarray(coarse).tobytes())
        digest.update(noise.contiguous().numpy().tobytes())
        path = self.kept / f"{digest.hexdigest()[:32]}.npy"
        if path.exists():
            return np.load(path)
        made = self.batch(coarse, metres, strengths, settings, noise)
        self.kept.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}")
        with open(partial, "wb") as file:
            np.save(file, made)
        os.replace(partial, path)
        return made

    def batch(self, coarse, metres, strengths, settings, noise):
        condition = torch.from_numpy(np.ascontiguousarray(coarse.transpose(0, 3, 1, 2))).float() / 127.5 - 1
        schedule = self.schedule
        if settings.start is not None:
            schedule = PartOfSchedule(schedule.alpha_bar[: settings.start + 1])
            kept = float(schedule.alpha_bar[-1])
            noise = math.sqrt(kept) * enlarge(condition) + math.sqrt(1 - kept) * noise
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.bf16):
            features = self.model.encode(condition.contiguous(memory_format=torch.channels_last))

            def predict(x, t):
                x = x.contiguous(memory_format=torch.channels_last)
                return self.model.denoise(x, features, self.scalars(t, metres, strengths)).float()

            clean = SAMPLERS[settings.sampler](
                schedule, predict, noise, settings.steps, self.metadata["prediction"], settings.spacing)
        clean = clean.clamp(-1, 1)
        if settings.project:
            clean = project(clean, condition)
        pixels = (clean * 127.5 + 127.5).clamp(0, 255).add(0.5).floor()
        return pixels.to(torch.uint8).numpy().transpose(0, 2, 3, 1)


def enlarge(condition):
    return F.interpolate(condition, scale_factor=4, mode="bicubic", align_corners=False)


def project(clean, condition, rounds: int = 3):
    """Move an estimate to the images whose ×4 area average is the condition; smooth corrections, a few rounds."""
    for _ in range(rounds):
        clean = clean + enlarge(condition - F.avg_pool2d(clean, 4))
    return clean
