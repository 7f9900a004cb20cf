import math

import numpy as np
import pytest
import scipy.linalg

from tessera_train.degrade import blur
from tessera_train.eval import fidelity, frechet, spectrum, statistics
from tessera_train.imagery import area_average

RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (128, 128, 3), dtype=np.uint8)


def test_the_spectrum_finds_a_wave_where_it_is():
    x = np.arange(128)
    wave = np.tile((100 + 50 * np.cos(2 * np.pi * x / 8))[None, :, None], (128, 1, 3))
    assert spectrum.spectrum(wave).argmax() == 8


def test_the_spectrum_is_the_mean_over_rings_of_a_plain_fourier_sum():
    image = RNG.integers(0, 256, (16, 16, 3), dtype=np.uint8)
    y = image @ np.array([0.299, 0.587, 0.114])
    hann = np.array([0.5 - 0.5 * math.cos(2 * math.pi * i / 15) for i in range(16)])
    y = (y - y.mean()) * hann[:, None] * hann[None]
    rings = [[] for _ in range(33)]
    index = np.arange(16)
    for v in range(-8, 8):
        for u in range(-8, 8):
            wave = np.exp(-2j * np.pi * (v * index[:, None] + u * index[None]) / 16)
            ring = min(int(math.hypot(u, v) / 16 * 64), 32)
            rings[ring].append(abs((y * wave).sum()) ** 2 / ((hann[:, None] * hann[None]) ** 2).sum())
    found = spectrum.spectrum(image)
    for ring in range(32):
        if rings[ring]:
            assert found[ring] == pytest.approx(np.mean(rings[ring]), rel=1e-9, abs=1e-9)


def test_white_noise_is_white_and_its_energy_its_variance():
    images = RNG.normal(128, 20, (40, 64, 64, 1)).repeat(3, axis=3)
    curve = spectrum.spectra(images).mean(0)
    assert np.allclose(curve[2:], 400, rtol=0.15)
    assert spectrum.high_band(curve) == pytest.approx(400 * math.pi * (0.25 - 1 / 64), rel=0.05)


def test_blur_loses_the_high_band_and_bends_the_curve():
    soft = blur(NOISE.astype(np.float32), 3, 3)
    sharp, curve = spectrum.spectra([NOISE]), spectrum.spectra([soft])
    assert spectrum.high_band_ratio(curve, sharp) < 0.02 and spectrum.high_band_ratio(sharp, sharp) == 1
    assert spectrum.deviation(sharp, sharp) == 0
    assert spectrum.deviation(1.2 * sharp, sharp) == pytest.approx(math.log(1.2))
    assert fidelity.detail(soft) < 0.1 * fidelity.detail(NOISE)


def test_an_image_agrees_with_its_own_average():
    coarse = area_average(NOISE, 4)
    assert fidelity.disagreement(NOISE, coarse) == (0, 0)
    rmse, drift = fidelity.disagreement(np.minimum(NOISE, 250) + 5, coarse)
    assert rmse > 4 and drift > 4


def test_peak_signal_to_noise_is_its_definition():
    assert fidelity.psnr(np.full((4, 4, 3), 100), np.full((4, 4, 3), 110)) == pytest.approx(20 * math.log10(25.5))


def test_structural_similarity_is_that_of_a_sum_over_windows():
    other = np.clip(NOISE + RNG.normal(0, 20, NOISE.shape), 0, 255)
    x, y = (v[:32, :32] @ np.array([0.299, 0.587, 0.114]) for v in (NOISE.astype(float), other))
    weights = np.exp(-0.5 * ((np.arange(11) - 5) / 1.5) ** 2)
    weights = np.outer(weights, weights)
    weights /= weights.sum()
    values = []
    for i in range(5, 27):
        for j in range(5, 27):
            a, b = x[i - 5 : i + 6, j - 5 : j + 6], y[i - 5 : i + 6, j - 5 : j + 6]
            ma, mb = (weights * a).sum(), (weights * b).sum()
            va, vb = (weights * a * a).sum() - ma**2, (weights * b * b).sum() - mb**2
            cov = (weights * a * b).sum() - ma * mb
            c1, c2 = 2.55**2, 7.65**2
            values.append((2 * ma * mb + c1) * (2 * cov + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2)))
    assert fidelity.ssim(NOISE[:32, :32], other[:32, :32]) == pytest.approx(np.mean(values), abs=1e-6)
    assert fidelity.ssim(NOISE, NOISE) == pytest.approx(1)


def test_the_frechet_distance_is_that_of_the_matrix_square_root():
    a, b = RNG.normal(size=(2, 50, 12)) @ RNG.normal(size=(12, 12))
    ca, cb = np.cov(a.T), np.cov(b.T)
    root = scipy.linalg.sqrtm(ca @ cb).real
    exact = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(ca + cb - 2 * root)
    assert frechet.distance(a, b) == pytest.approx(exact, rel=1e-8)
    assert frechet.distance(a, a) == pytest.approx(0, abs=1e-8)


def test_the_frechet_distance_of_known_gaussians():
    mean, one, other = np.array([3.0, -4.0]), np.diag([4.0, 9.0]), np.diag([1.0, 16.0])
    assert frechet.frechet(np.zeros(2), one, mean, other) == pytest.approx(25 + (2 - 1) ** 2 + (3 - 4) ** 2)


def test_extrapolation_takes_most_of_the_bias_of_few_samples():
    a, b = RNG.normal(size=(2, 60, 4, 16))
    plain = frechet.distance(frechet.flat(a), frechet.flat(b))
    assert plain > 0.3 and abs(frechet.extrapolated(a, b)) < 0.4 * plain


def test_the_bootstrap_finds_the_error_of_a_mean():
    values = RNG.normal(5, 2, 400)
    low, high = statistics.bootstrap(lambda i: values[i].mean(), 400, 2000)
    assert low < values.mean() < high and high - low == pytest.approx(2 * 1.96 * 2 / 20, rel=0.12)
    again = statistics.bootstrap(lambda i: values[i].mean(), 400, 2000)
    assert again == [low, high]
    with pytest.raises(ValueError, match="nothing"):
        statistics.bootstrap(lambda i: 0.0, 0)


def test_a_statistic_that_resampling_biases_is_centred():
    a, b = RNG.normal(size=(2, 40, 1, 8))
    found = frechet.figure(a, b)
    assert found["interval"][0] < found["value"] < found["interval"][1]
    resampled = statistics.bootstrap(lambda i: frechet.distance(frechet.flat(a[i]), frechet.flat(b)), 40, 200)
    assert resampled[0] > found["value"] - 0.5 * (found["interval"][1] - found["interval"][0])
