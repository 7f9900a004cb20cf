"""Render mosaics window by window, for experiments with noise, margins and cascades.

A second implementation of the renderer's rules (DESIGN: canvas, core, margin, condition from stored 8-bit pixels)
on a plane; beyond the base picture's edge its last pixels repeat.
"""

from dataclasses import dataclass, field

import numpy as np
import torch

from ..noise import window as window_noise
from .generator import Generator, Settings


@dataclass
class Mosaic:
    """Levels of one picture: level 0 is `base`, level k has 4^k as many pixels per side, rendered on demand."""

    generate: Generator
    base: np.ndarray
    metres: float
    settings: Settings
    strengths: tuple
    core: int = 128
    margin: int = 64
    noise: str = "canvas"
    seed: int = 0
    origin: int = 0  # the base picture's pixel (origin, origin) is the canvas's (0, 0)
    cores: dict = field(default_factory=dict)  # level → (column, row) → core pixels
    windows: dict = field(default_factory=dict)  # level → (column, row) → window pixels

    def picture(self, level: int, x: int, y: int, width: int, height: int) -> np.ndarray:
        """Return the pixels of a rectangle of a level, rendering the cores that it meets."""
        if level == 0:
            rows = np.clip(np.arange(y, y + height) + self.origin, 0, self.base.shape[0] - 1)
            columns = np.clip(np.arange(x, x + width) + self.origin, 0, self.base.shape[1] - 1)
            return self.base[rows][:, columns]
        c = self.core
        columns, rows = range(x // c, -(-(x + width) // c)), range(y // c, -(-(y + height) // c))
        self.render(level, [(i, j) for j in rows for i in columns])
        done = self.cores[level]
        whole = np.concatenate([np.concatenate([done[i, j] for i in columns], axis=1) for j in rows])
        top, left = y - rows[0] * c, x - columns[0] * c
        return whole[top : top + height, left : left + width]

    def render(self, level: int, addresses):
        done = self.cores.setdefault(level, {})
        kept = self.windows.setdefault(level, {})
        missing = [a for a in addresses if a not in done]
        if not missing:
            return
        side, c, m = self.core + 2 * self.margin, self.core, self.margin
        conditions = np.stack([
            self.picture(level - 1, (i * c - m) // 4, (j * c - m) // 4, side // 4, side // 4) for i, j in missing])
        noise = np.stack([window_noise(self.noise, self.seed, c, m, level, i, j, None, 3, 0) for i, j in missing])
        metres = [self.metres / 4**level] * len(missing)
        strength = self.strengths[min(level, len(self.strengths)) - 1]
        made = self.generate(conditions, metres, strength, self.settings, noise=torch.from_numpy(noise))
        for address, window in zip(missing, made):
            kept[address] = window
            done[address] = window[m : m + c, m : m + c]
