"""How visible the boundaries of cores are (luma 0 … 255), by four figures.

1. Parallel-line ratio: mean |difference| across the boundaries ÷ that across the lines just beside; 1 is invisible.
2. Overlap disagreement: RMSE of two windows where they overlap, before they are cropped.
3. Periodic energy: power of the profile mean |∂I| at the lattice's frequency and its harmonics ÷ that beside them.
4. Null: figure 1 on lines that are no boundary.

`tessera eval seams` computes 1, 3 and 4 of a stored mosaic by the same definitions.
"""

import numpy as np

from .spectrum import luma
from .statistics import bootstrap

REACH = 4
HARMONICS = 8


def edges(y, period: int, phase: int = 0) -> np.ndarray:
    """(n, 2): mean |difference| across each edge of a core, and over the four lines on either side."""
    return np.concatenate([_edges(y, period, phase), _edges(y.T, period, phase)])


def _edges(y, period, phase):
    step = np.abs(np.diff(y, axis=1))  # step[:, i] lies between the columns i and i + 1
    found = []
    for line in range(phase % period, y.shape[1], period):
        if line <= REACH or line + REACH >= y.shape[1]:
            continue
        across = step[:, line - 1]
        beside = np.concatenate([step[:, line - 1 - REACH : line - 1], step[:, line : line + REACH]], 1).mean(1)
        for start in range(0, y.shape[0], period):
            part = slice(start, start + period)
            if beside[part].sum() > 0:
                found.append((across[part].mean(), beside[part].mean()))
    return np.array(found).reshape(-1, 2)


def ratio(e) -> float:
    return float(e[:, 0].sum() / e[:, 1].sum())


def null_edges(y, period: int) -> np.ndarray:
    """Edges of three lattices away from the boundaries."""
    return np.concatenate([edges(y, period, k * period // 8) for k in (3, 4, 5)])


def profiles(y, period: int) -> np.ndarray:
    """(bands, x) mean over each band of `period` rows of |∂I/∂x|; whole periods only."""
    count = y.shape[1] // period * period
    step = np.abs(np.diff(y, axis=1, prepend=y[:, :1]))[:, :count]
    step[:, 0] = step[:, 1:].mean(1)  # nothing lies to the left of the first column
    bands = y.shape[0] // period
    return step[: bands * period].reshape(bands, period, count).mean(1)


def periodic_energy(bands, period: int) -> float:
    """Power at 1/period and its harmonics, relative to the frequencies beside each, of profiles (bands, x)."""
    profile = bands.mean(0)
    periods = len(profile) // period
    if periods < 3:
        raise ValueError(f"{periods} periods in the profile; at least 3 are needed")
    power = np.abs(np.fft.fft(profile - profile.mean())) ** 2
    reach = min(REACH, (periods - 1) // 2)
    lines = np.arange(1, HARMONICS + 1) * periods
    beside = [power[lines + d].sum() for d in range(-reach, reach + 1) if d]
    return float(power[lines].sum() / np.mean(beside))


def overlaps(windows: dict, core: int, margin: int) -> np.ndarray:
    """Mean squared difference of luma over each overlap of neighbouring windows; (column, row) → window (W, W, 3)."""
    found, shared = [], 2 * margin
    if shared == 0:
        return np.zeros(0)
    for (column, row), window in windows.items():
        right, below = windows.get((column + 1, row)), windows.get((column, row + 1))
        if right is not None:
            found.append(((luma(window)[:, core:] - luma(right)[:, :shared]) ** 2).mean())
        if below is not None:
            found.append(((luma(window)[core:] - luma(below)[:shared]) ** 2).mean())
    return np.array(found)


def repetition(y, period: int) -> float:
    """Correlation of fine detail (what ×4 averaging removes) with itself one period to the right, and below."""
    h, w = (v // 4 * 4 for v in y.shape)
    blocks = y[:h, :w].reshape(h // 4, 4, w // 4, 4)
    fine = (blocks - blocks.mean(axis=(1, 3), keepdims=True)).reshape(h, w)
    right = (fine[:, period:] * fine[:, :-period]).mean()
    below = (fine[period:] * fine[:-period]).mean()
    return float((right + below) / 2 / (fine**2).mean())


def report(pictures, windows, core: int, margin: int) -> dict:
    """All figures of a list of pictures (H, W, 3) rendered on a lattice, each with a 95 % interval over edges."""
    lumas = [luma(p) for p in pictures]
    seam = np.concatenate([edges(y, core) for y in lumas])
    null = np.concatenate([null_edges(y, core) for y in lumas])
    result = {"ratio": _figure(lambda i: ratio(seam[i]), len(seam)),
              "null": _figure(lambda i: ratio(null[i]), len(null))}
    squares = np.concatenate([overlaps(w, core, margin) for w in windows]) if windows else np.zeros(0)
    if len(squares):
        result["overlap"] = _figure(lambda i: float(np.sqrt(squares[i].mean())), len(squares))
    if min(v // core for y in lumas for v in y.shape) >= 3:
        both = [profiles(v, core) for y in lumas for v in (y, y.T)]

        def energy(i):
            rng = np.random.default_rng(int(np.sum(i * np.arange(1, len(i) + 1))))
            whole = (np.sort(i) == np.arange(len(i))).all()
            chosen = [both[k] if whole else both[k][rng.integers(len(both[k]), size=len(both[k]))] for k in i]
            return float(np.exp(np.mean([np.log(periodic_energy(b, core)) for b in chosen])))

        result["periodic"] = _figure(energy, len(both), 200)
    repeats = np.array([repetition(y, core) for y in lumas])
    result["repetition"] = _figure(lambda i: float(repeats[i].mean()), len(repeats))
    return result


def _figure(statistic, count, resamples=1000):
    return {"value": float(statistic(np.arange(count))), "interval": bootstrap(statistic, count, resamples), "n": count}
