"""Schedule and samplers in double precision, written from the papers apart from the Swift, to compare numbers with.

Usage: python diffusion_reference.py DIRECTORY (or the directory in TESSERA_REFERENCE); writes diffusion.json.
"""

import json
import math
import os
import sys
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np

BETA = np.linspace(0.0015, 0.0155, 1000)
ALPHA_BAR = np.cumprod(1 - BETA)
MEAN, SPREAD = 0.25, 0.5


@cache
def timesteps(steps, spacing="t"):
    if spacing == "logsnr":
        return by_log_snr(steps)
    if steps == 1:
        return np.array([999])
    exact = [Fraction(999 * (steps - 1 - i), steps - 1) for i in range(steps)]
    return np.array([math.floor(t + Fraction(1, 2)) for t in exact])


def by_log_snr(steps):
    """The training steps nearest in log-SNR to evenly spaced ones, all different; the smaller of two as near."""
    lam = 0.5 * np.log(ALPHA_BAR / (1 - ALPHA_BAR))
    chosen = [999]
    for target in np.linspace(lam[999], lam[0], steps)[1:]:
        allowed = range(steps - 1 - len(chosen), chosen[-1])
        chosen.append(min(allowed, key=lambda t: (abs(lam[t] - target), t)))
    return np.array(chosen)


def split(prediction, x, m, abar):
    """Return the clean image and the noise that output m at x implies."""
    if prediction == "epsilon":
        return (x - np.sqrt(1 - abar) * m) / np.sqrt(abar), m
    return np.sqrt(abar) * x - np.sqrt(1 - abar) * m, np.sqrt(1 - abar) * x + np.sqrt(abar) * m


def ddim_step(prediction, eta, t, i, x, m, _, z):
    """Song et al. 2021, equation 12, with σ of equation 16."""
    now = ALPHA_BAR[t[i]]
    then = ALPHA_BAR[t[i + 1]] if i + 1 < len(t) else 1.0
    clean, noise = split(prediction, x, m, now)
    sigma = eta * np.sqrt((1 - then) / (1 - now)) * np.sqrt(1 - now / then)
    return np.sqrt(then) * clean + np.sqrt(1 - then - sigma**2) * noise + sigma * z, clean


def dpm_step(prediction, _, t, i, x, m, before, z):
    """Lu et al. 2022, algorithm 2; the first and the last step are of first order."""
    now = ALPHA_BAR[t[i]]
    clean, _ = split(prediction, x, m, now)
    if i + 1 == len(t):
        return clean, clean
    lam = 0.5 * np.log(ALPHA_BAR / (1 - ALPHA_BAR))
    then = ALPHA_BAR[t[i + 1]]
    h = lam[t[i + 1]] - lam[t[i]]
    d = clean
    if i > 0:
        r = (lam[t[i]] - lam[t[i - 1]]) / h
        d = (1 + 1 / (2 * r)) * clean - 1 / (2 * r) * before
    return np.sqrt((1 - then) / (1 - now)) * x - np.sqrt(then) * np.expm1(-h) * d, clean


def denoiser(prediction, x, t):
    """The best prediction for data distributed as N(MEAN, SPREAD²)."""
    a, s = np.sqrt(ALPHA_BAR[t]), np.sqrt(1 - ALPHA_BAR[t])
    clean = MEAN + a * SPREAD**2 / (a**2 * SPREAD**2 + s**2) * (x - a * MEAN)
    noise = (x - a * clean) / s
    return noise if prediction == "epsilon" else a * noise - s * clean


def coefficients(step, prediction, eta, visited):
    """Return each step's weights of x, m, the clean image before and z, by feeding it unit vectors."""
    unit = np.eye(4)
    return [step(prediction, eta, visited, i, *unit)[0].tolist() for i in range(len(visited))]


def run(step, prediction, eta, visited, start, noise):
    x, before = start.astype(np.float64), np.zeros(len(start))
    for i, t in enumerate(visited):
        m = denoiser(prediction, x, t)
        x, before = step(prediction, eta, visited, i, x, m, before, noise[i])
    return x


def main():
    out = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["TESSERA_REFERENCE"])
    out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    start = rng.standard_normal(37).astype(np.float32)
    noise = rng.standard_normal((50, 37)).astype(np.float32)
    cases = []
    for prediction in ("epsilon", "v"):
        for name, step, eta, visited in [
            *((f"ddim:{n}", ddim_step, 0.0, timesteps(n)) for n in (1, 2, 12, 50)),
            ("ddim:12:eta=0.5", ddim_step, 0.5, timesteps(12)),
            ("ddim:50:eta=1", ddim_step, 1.0, timesteps(50)),
            *((f"dpm++:{n}", dpm_step, 0.0, timesteps(n)) for n in (1, 2, 3, 12, 20, 50)),
            ("ddim:8:spacing=logsnr", ddim_step, 0.0, timesteps(8, "logsnr")),
            *((f"dpm++:{n}:spacing=logsnr", dpm_step, 0.0, timesteps(n, "logsnr")) for n in (1, 2, 8, 12)),
        ]:
            cases.append(
                dict(
                    sampler=name,
                    prediction=prediction,
                    coefficients=coefficients(step, prediction, eta, visited),
                    result=run(step, prediction, eta, visited, start, noise).tolist(),
                )
            )
    some = (1, 2, 3, 5, 7, 12, 15, 19, 20, 38, 50, 75, 100, 250, 334, 500, 667, 999, 1000)
    result = dict(
        alphaBar=ALPHA_BAR.tolist(),
        timesteps=[timesteps(n).tolist() for n in some],
        timestepsByLogSNR=[timesteps(n, "logsnr").tolist() for n in some],
        start=start.tolist(),
        noise=noise.tolist(),
        mean=MEAN,
        spread=SPREAD,
        cases=cases,
    )
    (out / "diffusion.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main()
