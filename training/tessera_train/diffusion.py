"""Noise schedule, prediction types and samplers; the float64 reference of the renderer.

Notation: ᾱ_t is the cumulative product of 1 − β, a = √ᾱ, σ = √(1 − ᾱ), x_t = a·x₀ + σ·ε. A clean
image has ᾱ = 1. Everything works on NumPy arrays and on torch tensors of any precision.

A sampler visits timesteps t₀ > t₁ > … > t_{n−1}, calls the network once at each of them, and goes
from ᾱ_{t_i} to ᾱ_{t_{i+1}}; after the last one it goes to ᾱ = 1. No estimate is clipped on the way.
"""

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Schedule:
    """ᾱ_t for t = 0 … T−1, float64."""

    alpha_bar: np.ndarray

    @staticmethod
    def from_config(config: dict) -> "Schedule":
        """Linear schedule: β_t = β_start + t·(β_end − β_start)/(T − 1), as in DDPM (arXiv 2006.11239)."""
        if config["type"] != "linear":
            raise ValueError(f"unknown schedule {config['type']!r}; use 'linear'")
        count = config["steps"]
        fraction = np.arange(count, dtype=np.float64) / (count - 1)
        beta = config["beta_start"] + fraction * (config["beta_end"] - config["beta_start"])
        return Schedule(np.cumprod(1 - beta))

    def __len__(self):
        return len(self.alpha_bar)


def timesteps(train_steps: int, steps: int) -> list[int]:
    """Spread `steps` timesteps evenly from T−1 down to 0.

    t_i = ⌊(T−1)·(n−1−i)/(n−1) + ½⌋ (round half up, in exact integer arithmetic); n = 1 gives [T−1].
    Requires 1 ≤ n ≤ T, so that all are different.
    """
    if not 1 <= steps <= train_steps:
        raise ValueError(f"{steps} steps asked for; give 1 to {train_steps}")
    if steps == 1:
        return [train_steps - 1]
    d = steps - 1
    return [(2 * (train_steps - 1) * (d - i) + d) // (2 * d) for i in range(steps)]


def timesteps_by_snr(schedule: Schedule, steps: int) -> list[int]:
    """Spread `steps` timesteps evenly in λ, the logarithm of signal to noise, from T−1 down to 0.

    t_i is the timestep whose λ is nearest to λ_{T−1} + (λ_0 − λ_{T−1})·i/(n−1), the smaller one of two as near,
    within n−1−i ≤ t_i < t_{i−1}, so that all are different; n = 1 gives [T−1].
    """
    if not 1 <= steps <= len(schedule):
        raise ValueError(f"{steps} steps asked for; give 1 to {len(schedule)}")
    levels = np.array([log_snr(float(a)) for a in schedule.alpha_bar])
    visited = [len(schedule) - 1]
    for i in range(1, steps):
        target = levels[-1] + (levels[0] - levels[-1]) * i / (steps - 1)
        first = steps - 1 - i
        visited.append(first + int(np.abs(levels[first : visited[-1]] - target).argmin()))
    return visited


def visit(schedule: Schedule, steps: int, spacing: str) -> list[int]:
    """The timesteps of a sampler: even in "t", or even in "logsnr"."""
    if spacing == "t":
        return timesteps(len(schedule), steps)
    if spacing == "logsnr":
        return timesteps_by_snr(schedule, steps)
    raise ValueError(f"unknown spacing {spacing!r}; use 't' or 'logsnr'")


def root(value):
    return math.sqrt(value) if isinstance(value, float) else value**0.5


def estimates(x, prediction, alpha_bar, kind: str):
    """Return (x₀, ε) from a network output; ᾱ is one number, or an array that broadcasts.

    v (arXiv 2202.00512): v = a·ε − σ·x₀, so x₀ = a·x − σ·v and ε = σ·x + a·v.
    epsilon: x₀ = (x − σ·ε)/a.
    """
    a, s = root(alpha_bar), root(1 - alpha_bar)
    if kind == "v":
        return a * x - s * prediction, s * x + a * prediction
    if kind == "epsilon":
        return (x - s * prediction) / a, prediction
    raise ValueError(f"unknown prediction type {kind!r}; use 'v' or 'epsilon'")


def ddim(schedule: Schedule, predict, noise, steps: int, kind: str, spacing: str = "t", eta: float = 0.0, fresh=None):
    """DDIM (arXiv 2010.02502, equations 12 and 16).

    x ← √ᾱ_s·x₀ + √(1 − ᾱ_s − ς²)·ε + ς·z with ς = η·√((1 − ᾱ_s)/(1 − ᾱ_t))·√(1 − ᾱ_t/ᾱ_s), from t to
    the next timestep s; the last step has ᾱ_s = 1 and returns x₀.
    `predict(x, t)` is the network; `fresh(i)` gives z of step i and is needed only for η > 0.
    """
    x, visited = noise, visit(schedule, steps, spacing)
    for i, t in enumerate(visited):
        now = float(schedule.alpha_bar[t])
        after = float(schedule.alpha_bar[visited[i + 1]]) if i + 1 < steps else 1.0
        clean, epsilon = estimates(x, predict(x, t), now, kind)
        sigma = eta * math.sqrt((1 - after) / (1 - now)) * math.sqrt(1 - now / after)
        x = math.sqrt(after) * clean + math.sqrt(1 - after - sigma * sigma) * epsilon
        if sigma > 0:
            x = x + sigma * fresh(i)
    return x


def dpm_solver_pp(schedule: Schedule, predict, noise, steps: int, kind: str, spacing: str = "t"):
    """DPM-Solver++(2M), data prediction (arXiv 2211.01095, algorithm 2).

    With λ = ln(a/σ) and h_i = λ_{i+1} − λ_i:
    x ← (σ_{i+1}/σ_i)·x − a_{i+1}·(e^{−h_i} − 1)·D. The first step is of first order, D = x₀^{(i)};
    the others have r = h_{i−1}/h_i and D = (1 + 1/(2r))·x₀^{(i)} − 1/(2r)·x₀^{(i−1)}.
    The last step goes to ᾱ = 1 (h = ∞) and is of first order, so it returns x₀^{(n−1)}.
    """
    x, visited = noise, visit(schedule, steps, spacing)
    previous, previous_h = None, None
    for i, t in enumerate(visited):
        now = float(schedule.alpha_bar[t])
        clean, _ = estimates(x, predict(x, t), now, kind)
        if i + 1 == steps:
            return clean
        after = float(schedule.alpha_bar[visited[i + 1]])
        h = log_snr(after) - log_snr(now)
        d = clean
        if previous is not None:
            r = previous_h / h
            d = (1 + 1 / (2 * r)) * clean - 1 / (2 * r) * previous
        x = math.sqrt((1 - after) / (1 - now)) * x - math.sqrt(after) * math.expm1(-h) * d
        previous, previous_h = clean, h


def log_snr(alpha_bar: float) -> float:
    """λ = ln(a/σ) = ½·ln(ᾱ/(1 − ᾱ))."""
    return 0.5 * math.log(alpha_bar / (1 - alpha_bar))


SAMPLERS = {"ddim": ddim, "dpm++": dpm_solver_pp}


@dataclass(frozen=True)
class GaussianDenoiser:
    """The exact denoiser of data that are independently N(mean, deviation²) in every sample."""

    schedule: Schedule
    mean: float
    deviation: float
    kind: str = "v"

    def predict(self, x, t: int):
        """E[x₀ | x_t] = μ + a·d²/(a²·d² + σ²)·(x_t − a·μ), as v or ε."""
        ab = float(self.schedule.alpha_bar[t])
        a, variance = math.sqrt(ab), ab * self.deviation**2 + (1 - ab)
        clean = self.mean + a * self.deviation**2 / variance * (x - a * self.mean)
        epsilon = (x - a * clean) / math.sqrt(1 - ab)
        return a * epsilon - math.sqrt(1 - ab) * clean if self.kind == "v" else epsilon

    def flow(self, noise):
        """End of the probability-flow ODE from x_{T−1}: (x_t − a·μ)/√(a²·d² + σ²) stays constant."""
        ab = float(self.schedule.alpha_bar[-1])
        scaled = (noise - math.sqrt(ab) * self.mean) / math.sqrt(ab * self.deviation**2 + 1 - ab)
        return self.mean + self.deviation * scaled
