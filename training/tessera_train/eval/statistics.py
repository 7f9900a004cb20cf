"""Bootstrap intervals."""

import numpy as np


def bootstrap(statistic, count: int, resamples: int = 1000, seed: int = 1, level: float = 0.95) -> list[float]:
    """Percentile interval [low, high] of `statistic(indices)` over resampled indices 0 … count−1 (Efron 1979)."""
    low, high = np.quantile(_replicates(statistic, count, resamples, seed), [(1 - level) / 2, (1 + level) / 2])
    return [float(low), float(high)]


def centred_bootstrap(statistic, count: int, resamples: int = 200, seed: int = 1, level: float = 0.95) -> list[float]:
    """The same, moved so that the replicates' mean lies on the estimate from all.

    For statistics that resampling biases, such as the Fréchet distance: repeated items shrink the covariance.
    """
    estimate = statistic(np.arange(count))
    values = _replicates(statistic, count, resamples, seed)
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2]) + estimate - values.mean()
    return [float(low), float(high)]


def _replicates(statistic, count, resamples, seed):
    if count < 1:
        raise ValueError("nothing to resample")
    rng = np.random.default_rng(seed)
    return np.array([statistic(rng.integers(count, size=count)) for _ in range(resamples)])


def figure(statistic, count: int, resamples: int = 1000, centred: bool = False) -> dict:
    """A number with its 95 % interval, as it is kept in results.json."""
    interval = (centred_bootstrap if centred else bootstrap)(statistic, count, resamples)
    return {"value": float(statistic(np.arange(count))), "interval": interval, "n": count}
