"""Fréchet distance between sets of features (Heusel et al. 2017)."""

import numpy as np

from .statistics import centred_bootstrap


def frechet(mean_a, covariance_a, mean_b, covariance_b) -> float:
    """|μ_a − μ_b|² + tr(C_a + C_b − 2·(C_a·C_b)^½), the squared 2-Wasserstein distance of two Gaussians."""
    values, vectors = np.linalg.eigh(covariance_a)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    cross = np.sqrt(np.clip(np.linalg.eigvalsh(root @ covariance_b @ root), 0, None)).sum()
    return float(np.sum((mean_a - mean_b) ** 2) + np.trace(covariance_a) + np.trace(covariance_b) - 2 * cross)


def distance(a, b) -> float:
    """Distance of two sets of features (N, D) and (M, D)."""
    return frechet(a.mean(0), np.cov(a.T), b.mean(0), np.cov(b.T))


def extrapolated(a, b, seed: int = 1, sizes: int = 8, draws: int = 4) -> float:
    """Distance for infinitely many samples: a line in 1/N through subsets of N/2 … N (Chong, Forsyth 2020).

    `a` and `b` are (crops, patches, D) of the same crops; a subset takes whole crops, the same ones of both.
    """
    rng = np.random.default_rng(seed)
    count = len(a)
    counts = np.unique(np.linspace(max(2, count // 2), count, sizes).astype(int))
    x, y = [], []
    for size in counts:
        for _ in range(draws if size < count else 1):
            chosen = rng.permutation(count)[:size]
            x.append(1 / size)
            y.append(distance(flat(a[chosen]), flat(b[chosen])))
    slope, intercept = np.polyfit(x, y, 1) if len(counts) > 1 else (0.0, y[0])
    return float(intercept)


def figure(a, b, resamples: int = 200) -> dict:
    """Distance of features (crops, patches, D) of the same crops, with a bootstrap over crops."""
    def statistic(chosen):
        return distance(flat(a[chosen]), flat(b[chosen]))

    return {"value": statistic(np.arange(len(a))), "interval": centred_bootstrap(statistic, len(a), resamples),
            "extrapolated": extrapolated(a, b), "n": len(a) * a.shape[1]}


def flat(features):
    return features.reshape(-1, features.shape[-1])
