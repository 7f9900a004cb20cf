"""Distances between pairs of pictures, 0 … 255."""

import numpy as np
from scipy.ndimage import gaussian_filter

from ..imagery import area_average
from .spectrum import luma


def psnr(image, real) -> float:
    """Peak signal-to-noise ratio over all channels, dB."""
    error = np.mean((np.asarray(image, np.float64) - real) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-10)))


def ssim(image, real) -> float:
    """Structural similarity of luma (Wang et al. 2004): Gaussian window σ 1.5 of 11 × 11, border of 5 left out."""
    x, y = luma(image), luma(real)

    def mean(v):
        return gaussian_filter(v, 1.5, truncate=3.5, mode="reflect")

    mx, my = mean(x), mean(y)
    vx, vy, cov = mean(x * x) - mx * mx, mean(y * y) - my * my, mean(x * y) - mx * my
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    value = (2 * mx * my + c1) * (2 * cov + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))
    return float(value[5:-5, 5:-5].mean())


def disagreement(fine, coarse) -> tuple[float, float]:
    """RMSE and mean of (×4 area average − condition), grey levels over all channels."""
    difference = area_average(fine, 4).astype(np.float64) - coarse
    return float(np.sqrt((difference**2).mean())), float(difference.mean())


def detail(image) -> float:
    """RMS of what ×4 averaging removes, grey levels."""
    h, w = image.shape[:2]
    blocks = np.asarray(image, np.float64).reshape(h // 4, 4, w // 4, 4, 3)
    return float(np.sqrt(((blocks - blocks.mean(axis=(1, 3), keepdims=True)) ** 2).mean()))
