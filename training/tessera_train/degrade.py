"""Degradations of the coarse image, all governed by one strength u in [0, 1]."""

import io

import numpy as np
from PIL import Image

MAX_BLUR = 1.6  # standard deviation, coarse pixels
BLUR_SPREAD = (0.4, 1.0)
MAX_NOISE = 12.0  # standard deviation, grey levels
MIN_QUALITY = 30  # JPEG


def draw_strength(rng: np.random.Generator, clean: float = 0.15) -> float:
    """Draw u: 0 with probability `clean`, else uniform in [0, 1)."""
    return 0.0 if rng.random() < clean else float(rng.random())


def blur_matrix(size: int, sigma: float) -> np.ndarray:
    """Matrix (size, size) of a Gaussian convolution with mirrored borders; rows sum to 1."""
    if sigma < 0.05:
        return np.eye(size, dtype=np.float32)
    radius = max(1, int(np.ceil(3 * sigma)))
    offsets = np.arange(-radius, radius + 1)
    weights = np.exp(-0.5 * (offsets / sigma) ** 2)
    weights /= weights.sum()
    matrix = np.zeros((size, size), dtype=np.float64)
    rows = np.arange(size)
    for offset, weight in zip(offsets, weights):
        mirrored = np.mod(rows + offset, 2 * size)
        mirrored = np.where(mirrored >= size, 2 * size - 1 - mirrored, mirrored)
        np.add.at(matrix, (rows, mirrored), weight)
    return matrix.astype(np.float32)


def blur(image: np.ndarray, sigma_y: float, sigma_x: float) -> np.ndarray:
    """Blur (h, w, c) float32 by a separable Gaussian."""
    h, w = image.shape[:2]
    return np.einsum("ij,jkc,lk->ilc", blur_matrix(h, sigma_y), image, blur_matrix(w, sigma_x), optimize=True)


def resize_down_up(image: np.ndarray, ratio: float, rng: np.random.Generator) -> np.ndarray:
    """Resize to 1/ratio and back with random filters; ratio ≥ 1."""
    h, w = image.shape[:2]
    small = (max(4, round(w / ratio)), max(4, round(h / ratio)))
    filters = (Image.Resampling.BOX, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)
    down, up = filters[rng.integers(3)], filters[1 + rng.integers(2)]
    channels = [
        np.asarray(Image.fromarray(image[..., c]).resize(small, down).resize((w, h), up))
        for c in range(image.shape[2])
    ]
    return np.stack(channels, axis=2)


def add_noise(image: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Add Gaussian noise, part common to the channels, now and then correlated in space."""
    h, w, c = image.shape
    common = rng.random()
    noise = np.sqrt(common) * rng.standard_normal((h, w, 1), dtype=np.float32) + np.sqrt(
        1 - common
    ) * rng.standard_normal((h, w, c), dtype=np.float32)
    if rng.random() < 0.3:
        width = rng.uniform(0.4, 1.2)
        noise = blur(noise, width, width)
        noise /= noise.std() + 1e-6
    return image + np.float32(sigma) * noise


def jpeg(image: np.ndarray, quality: int, rng: np.random.Generator) -> np.ndarray:
    """Pass (h, w, 3) through JPEG; the 8×8 grid has a random phase."""
    top, left = (int(v) for v in rng.integers(0, 8, 2))
    h, w = image.shape[:2]
    padded = np.pad(image, ((top, 16), (left, 16), (0, 0)), mode="symmetric")
    buffer = io.BytesIO()
    subsampling = 2 if rng.random() < 0.6 else 0
    Image.fromarray(quantise(padded)).save(buffer, "JPEG", quality=quality, subsampling=subsampling)
    decoded = np.asarray(Image.open(buffer).convert("RGB"), dtype=np.float32)
    return decoded[top : top + h, left : left + w]


def quantise(image: np.ndarray) -> np.ndarray:
    return np.clip(np.floor(image + 0.5), 0, 255).astype(np.uint8)


def one_round(
    image: np.ndarray, strength: float, rng: np.random.Generator, scale: int = 1, spread=BLUR_SPREAD
) -> np.ndarray:
    """Blur, resize, add noise, JPEG; `scale` is the pixels of this image in one of the coarse image, `spread` the
    bounds of the share of the largest blur that is taken."""
    sigma = scale * MAX_BLUR * strength * rng.uniform(*spread)
    stretch = rng.uniform(0.6, 1.0) if rng.random() < 0.3 else 1.0
    axes = (sigma, sigma * stretch) if rng.random() < 0.5 else (sigma * stretch, sigma)
    image = blur(image, *axes)
    if rng.random() < 0.3:
        image = resize_down_up(image, 1.0 + 1.2 * strength * rng.random(), rng)
    image = add_noise(image, scale * MAX_NOISE * strength * rng.uniform(0.2, 1.0), rng)
    if rng.random() < 0.7:
        quality = 95 - (95 - MIN_QUALITY) * strength * rng.uniform(0.4, 1.0)
        image = jpeg(image, int(round(quality)), rng)
    return image


def degrade(
    coarse: np.ndarray, strength: float, rng: np.random.Generator, rounds: str | int = "mixed", scale: int = 1,
    spread=BLUR_SPREAD,
) -> np.ndarray:
    """Degrade an image (h, w, 3) float32 in 0…255 and round it to uint8.

    Strength 0 only rounds. Otherwise blur, resize, noise and JPEG, each drawn with bounds that grow
    with the strength; a second round of half the strength follows always (rounds = 2), never (1), or in 30 % of the
    cases ("mixed").
    """
    if strength <= 0:
        return quantise(coarse)
    image = one_round(coarse.astype(np.float32), strength, rng, scale, spread)
    if rounds == 2 or rounds == "mixed" and rng.random() < 0.3:
        image = one_round(np.clip(image, 0, 255).astype(np.float32), 0.5 * strength, rng, scale, spread)
    return quantise(image)


def reduce(crop: np.ndarray, kernel: str) -> np.ndarray:
    """Reduce (4h, 4w, 3) uint8 to (h, w, 3) float32: the mean of 4×4 blocks ("area"), or Pillow's bicubic filter."""
    h, w = crop.shape[0] // 4, crop.shape[1] // 4
    if kernel == "area":
        return crop.reshape(h, 4, w, 4, 3).mean(axis=(1, 3), dtype=np.float32)
    channels = [
        Image.fromarray(np.ascontiguousarray(crop[..., c], dtype=np.float32)).resize((w, h), Image.Resampling.BICUBIC)
        for c in range(3)
    ]
    return np.stack([np.asarray(channel) for channel in channels], axis=2)


def make_condition(crop: np.ndarray, rng: np.random.Generator, recipe: dict) -> tuple[np.ndarray, float]:
    """Make the condition (h, w, 3) uint8 of a crop (4h, 4w, 3) uint8; returns it with the strength of its degradation.

    The recipe's `degradation`: `rounds` 2, 1, "mixed" (the default), or 0 (only reduced; the strength is 0);
    `kernel` "area" (the default) or "bicubic"; `at` "coarse" (after the reduction, the default) or "fine" (before it,
    as in the paper, with blur and noise four times as wide and strong so that they are the same after it); `blur` [least, most], the share
    of the largest blur at a strength: [0.4, 1] by default; [1, 1] makes the strength tell the blur exactly.
    """
    options = recipe.get("degradation", {})
    rounds, kernel, at = options.get("rounds", "mixed"), options.get("kernel", "area"), options.get("at", "coarse")
    spread = options.get("blur", BLUR_SPREAD)
    if rounds == 0:
        return quantise(reduce(crop, kernel)), 0.0
    strength = draw_strength(rng, recipe["clean"])
    if at == "fine":
        return quantise(reduce(degrade(crop, strength, rng, rounds, 4, spread), kernel)), strength
    return degrade(reduce(crop, kernel), strength, rng, rounds, 1, spread), strength
