import numpy as np

from tessera_train import evaluate
from tessera_train.degrade import blur
from tessera_train.imagery import area_average


def test_the_spectrum_finds_a_wave_where_it_is():
    x = np.arange(128)
    wave = np.tile((100 + 50 * np.cos(2 * np.pi * x / 8))[None, :, None], (128, 1, 3))
    assert evaluate.spectrum(wave).argmax() == 8


def test_blur_loses_the_high_band():
    image = np.random.default_rng(0).uniform(0, 255, (128, 128, 3)).astype(np.float32)
    assert evaluate.high_band(blur(image, 3, 3)) < 0.02 * evaluate.high_band(image)
    assert evaluate.detail(blur(image, 3, 3)) < 0.1 * evaluate.detail(image)


def test_an_image_agrees_with_its_own_average():
    image = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    coarse = area_average(image, 4)
    assert evaluate.disagreement(image, coarse) == (0, 0)
    rmse, drift = evaluate.disagreement(np.minimum(image, 250) + 5, coarse)
    assert rmse > 4 and drift > 4
