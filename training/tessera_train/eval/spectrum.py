"""Radially averaged power spectra of luma (0 … 255), and figures drawn from them."""

import numpy as np

BINS = 32
CONDITION_NYQUIST = 8  # bin of ⅛ cycle per pixel, the highest frequency a ×4 coarser picture holds
AREAS = np.diff(np.pi * (np.arange(BINS + 1) / (2 * BINS)) ** 2)


def luma(image) -> np.ndarray:
    """ITU-R BT.601, the weights of JPEG."""
    return np.asarray(image, np.float64) @ np.array([0.299, 0.587, 0.114])


def spectrum(image) -> np.ndarray:
    """Mean power of luma under a Hann window, in 32 rings from 0 to ½ cycle per pixel; image (S, S, 3)."""
    y = luma(image)
    size = y.shape[0]
    window = np.outer(np.hanning(size), np.hanning(size))
    power = np.abs(np.fft.fft2((y - y.mean()) * window)) ** 2 / (window**2).sum()
    frequency = np.fft.fftfreq(size)
    rings = np.minimum((np.hypot(frequency[:, None], frequency[None]) * 2 * BINS).astype(int), BINS)
    total, count = np.bincount(rings.ravel(), power.ravel(), BINS + 1), np.bincount(rings.ravel(), minlength=BINS + 1)
    return (total / np.maximum(count, 1))[:BINS]


def spectra(images) -> np.ndarray:
    return np.stack([spectrum(image) for image in images])


def high_band(curve) -> np.ndarray:
    """Energy between the condition's Nyquist frequency (⅛) and ½ cycle per pixel; curve (…, 32)."""
    return (curve * AREAS)[..., CONDITION_NYQUIST:].sum(-1)


def high_band_ratio(made, real) -> float:
    """High-band energy of a set of spectra (N, 32), relative to a set of real ones."""
    return float(high_band(made).mean() / high_band(real).mean())


def deviation(made, real) -> float:
    """Mean over the rings from the condition's Nyquist to ½ of |ln(power ÷ real power)|, spectra averaged first.

    0.18 is 20 %. One number for the form of the curve, which the high band, dominated by its lower end, is not.
    """
    ratio = made.mean(0)[CONDITION_NYQUIST:] / real.mean(0)[CONDITION_NYQUIST:]
    return float(np.abs(np.log(ratio)).mean())
