import numpy as np
import pytest

from tessera_train import noise
from tessera_train.eval import seams
from tessera_train.eval.generator import Settings
from tessera_train.eval.mosaic import Mosaic

RNG = np.random.default_rng(3)


def grey(y):
    return np.clip(y, 0, 255)[..., None].repeat(3, axis=2)


def texture(side=256):
    return RNG.normal(128, 10, (side, side))


def with_steps(y, period, height):
    sign = (np.arange(y.shape[1]) // period % 2)[None] + (np.arange(y.shape[0]) // period % 2)[:, None]
    return y + height * sign


def test_the_ratio_is_the_step_over_what_lies_beside_it():
    ramp = np.tile(np.arange(64.0), (64, 1))
    ramp[:, 32:] += 3  # differences of 1 everywhere along x, of 4 across the middle line
    found = seams.edges(ramp, 32)
    assert seams.ratio(found) == pytest.approx(4) and len(found) == 2
    assert seams.ratio(seams.null_edges(ramp, 32)) == pytest.approx(1)


def test_steps_are_seen_and_noise_without_steps_is_not():
    y = texture()
    assert seams.ratio(seams.edges(y, 32)) == pytest.approx(1, abs=0.06)
    assert seams.ratio(seams.edges(with_steps(y, 32, 12), 32)) > 1.2
    assert seams.ratio(seams.null_edges(with_steps(y, 32, 12), 32)) == pytest.approx(1, abs=0.06)


def test_periodic_energy_finds_the_lattice_and_no_other():
    y = texture()
    plain = [seams.periodic_energy(seams.profiles(v, 32), 32) for v in (y, with_steps(y, 32, 20))]
    assert plain[0] < 3 and plain[1] > 5 * plain[0]
    elsewhere = seams.periodic_energy(seams.profiles(with_steps(y, 24, 20), 32), 32)
    assert elsewhere < plain[1] / 2
    with pytest.raises(ValueError, match="2 periods"):
        seams.periodic_energy(np.zeros((2, 64)), 32)


def test_periodic_energy_is_that_of_a_plain_fourier_sum():
    bands = RNG.normal(size=(2, 128)) ** 2
    profile = bands.mean(0) - bands.mean()
    x = np.arange(128)
    power = [abs((profile * np.exp(-2j * np.pi * k * x / 128)).sum()) ** 2 for k in range(128)]
    lines = range(4, 36, 4)
    expected = sum(power[k] for k in lines) / np.mean([sum(power[k + d] for k in lines) for d in (-1, 1)])
    assert seams.periodic_energy(bands, 32) == pytest.approx(expected)


def test_overlaps_compare_the_same_pixels():
    whole = RNG.integers(0, 256, (96, 96, 3), dtype=np.uint8)
    windows = {(i, j): whole[32 * j : 32 * j + 64, 32 * i : 32 * i + 64] for i in (0, 1) for j in (0, 1)}
    assert len(seams.overlaps(windows, 32, 16)) == 4 and not seams.overlaps(windows, 32, 16).any()
    windows[1, 0] = windows[1, 0] // 2 * 2
    assert (seams.overlaps(windows, 32, 16) > 0).tolist() == [True, False, False, True]
    assert len(seams.overlaps(windows, 64, 0)) == 0


def test_what_repeats_is_found():
    tile = texture(32)
    assert seams.repetition(np.tile(tile, (4, 4)), 32) == pytest.approx(1)
    assert abs(seams.repetition(texture(128), 32)) < 0.05


def test_a_report_has_every_figure_with_an_interval():
    picture = grey(texture(128))
    windows = {(0, 0): picture[:64, :64], (1, 0): picture[:64, 32:96]}
    report = seams.report([picture, picture], [windows, windows], 32, 16)
    assert set(report) == {"ratio", "null", "overlap", "periodic", "repetition"}
    for figure in report.values():
        assert figure["interval"][0] <= figure["value"] <= figure["interval"][1]
    assert "periodic" not in seams.report([picture], [], 64, 0)


class Fake:
    """Stands in for a network: enlarges the condition, or shows the noise, and remembers what it was told."""

    def __init__(self, show_noise=False):
        self.show_noise, self.told = show_noise, []

    def __call__(self, coarse, metres, strength, settings, seed=0, noise=None):
        self.told += [(m, strength) for m in metres]
        if self.show_noise:
            return np.clip(np.asarray(noise).transpose(0, 2, 3, 1) * 20 + 128, 0, 255).astype(np.uint8)
        return coarse.repeat(4, axis=1).repeat(4, axis=2)


BASE = RNG.integers(0, 256, (40, 48, 3), dtype=np.uint8)


@pytest.mark.parametrize("core, margin", [(32, 16), (32, 0), (64, 32), (32, 48)])
def test_a_mosaic_is_its_base_enlarged_when_the_network_enlarges(core, margin):
    fake = Fake()
    mosaic = Mosaic(fake, BASE, 160.0, Settings(), (0.1, 0.4), core, margin)
    exact = BASE.repeat(16, axis=0).repeat(16, axis=1)
    assert (mosaic.picture(2, 70, 35, 200, 150) == exact[35:185, 70:270]).all()
    assert set(fake.told) == {(40.0, 0.1), (10.0, 0.4)}
    moved = Mosaic(fake, BASE, 160.0, Settings(), (0.1,), core, margin, origin=8)
    assert (moved.picture(1, 0, 0, 64, 32) == BASE[8:16, 8:24].repeat(4, 0).repeat(4, 1)).all()


def test_a_mosaic_does_not_depend_on_the_order_of_asking():
    one, other = (Mosaic(Fake(show_noise=True), BASE, 10.0, Settings(), (0.3,), 32, 16, seed=5) for _ in range(2))
    first = one.picture(1, 0, 0, 128, 96)
    parts = [other.picture(1, x, y, 64, 48) for y in (48, 0) for x in (64, 0)]
    assert (np.block([[[parts[3]], [parts[2]]], [[parts[1]], [parts[0]]]]) == first).all()


def test_the_noise_modes_are_the_renderers():
    def field(mode):
        mosaic = Mosaic(Fake(show_noise=True), BASE, 10.0, Settings(), (0.3,), 32, 16, mode, seed=5)
        return mosaic.picture(1, 0, 0, 128, 64)

    canvas = field("canvas")
    exact = np.stack([noise.noise(5, 1, c, 0, range(128), range(64)) for c in range(3)], axis=2)
    assert (canvas == np.clip(exact * 20 + 128, 0, 255).astype(np.uint8)).all()
    shared, periodic, independent = field("shared"), field("periodic"), field("independent")
    assert (shared[:32, :32] == shared[32:, 32:64]).all() and (periodic[:32, :32] == periodic[32:, 96:]).all()
    assert (independent[:32, :32] != independent[:32, 32:64]).any() and (canvas != independent).any()
    with pytest.raises(ValueError, match="white"):
        field("white")
