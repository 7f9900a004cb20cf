import math

import numpy as np
import pytest
from conftest import config

from tessera_train.diffusion import (
    SAMPLERS, GaussianDenoiser, Schedule, ddim, estimates, log_snr, timesteps, timesteps_by_snr, visit,
)

SCHEDULE = Schedule.from_config(config("tiny")["schedule"])
NOISE = np.random.default_rng(1).standard_normal(64)


def test_the_schedule_is_the_papers():
    assert len(SCHEDULE) == 1000
    assert SCHEDULE.alpha_bar[0] == pytest.approx(1 - 0.0015, abs=1e-15)
    ratio = SCHEDULE.alpha_bar[999] / SCHEDULE.alpha_bar[998]
    assert ratio == pytest.approx(1 - 0.0155, abs=1e-12)
    assert (np.diff(SCHEDULE.alpha_bar) < 0).all()


def test_timesteps_are_even_and_reach_both_ends():
    assert timesteps(1000, 1) == [999]
    assert timesteps(1000, 3) == [999, 500, 0]
    assert timesteps(1000, 12) == [999, 908, 817, 727, 636, 545, 454, 363, 272, 182, 91, 0]
    for n in range(2, 200):
        exact = np.linspace(999, 0, n)
        assert np.abs(np.array(timesteps(1000, n)) - exact).max() <= 0.5 + 1e-9
    assert timesteps(1000, 1000) == list(range(999, -1, -1))
    for wrong in (0, 1001):
        with pytest.raises(ValueError, match="1000"):
            timesteps(1000, wrong)


def test_timesteps_even_in_log_snr_are_the_nearest_that_differ():
    levels = np.array([log_snr(a) for a in SCHEDULE.alpha_bar])
    assert timesteps_by_snr(SCHEDULE, 1) == [999]
    for n in (2, 3, 8, 12, 20):
        visited = timesteps_by_snr(SCHEDULE, n)
        assert visited[0] == 999 and visited[-1] == 0 and visited == sorted(set(visited), reverse=True)
        nearest = [int(np.abs(levels - wanted).argmin()) for wanted in np.linspace(levels[-1], levels[0], n)]
        assert visited == nearest
    for n in (100, 999, 1000):
        visited = timesteps_by_snr(SCHEDULE, n)
        assert len(visited) == n and visited[0] == 999 and visited[-1] == 0
        assert visited == sorted(set(visited), reverse=True)
    with pytest.raises(ValueError, match="1000"):
        timesteps_by_snr(SCHEDULE, 1001)
    with pytest.raises(ValueError, match="logsnr"):
        visit(SCHEDULE, 5, "karras")


@pytest.mark.parametrize("sampler, gain", [("ddim", 1.5), ("dpm++", 5)])
def test_few_calls_even_in_log_snr_are_nearer_to_the_flow(sampler, gain):
    gaussian = GaussianDenoiser(SCHEDULE, 0.2, 0.5)
    exact = gaussian.flow(NOISE)
    even, by_snr = (
        np.abs(SAMPLERS[sampler](SCHEDULE, gaussian.predict, NOISE, 12, "v", spacing) - exact).max()
        for spacing in ("t", "logsnr")
    )
    assert by_snr < even / gain


@pytest.mark.parametrize("kind", ["v", "epsilon"])
def test_estimates_invert_the_forward_process(kind):
    rng = np.random.default_rng(0)
    clean, epsilon = rng.standard_normal((2, 10))
    for ab in (0.998, 0.4, 0.001):
        a, s = math.sqrt(ab), math.sqrt(1 - ab)
        prediction = a * epsilon - s * clean if kind == "v" else epsilon
        got = estimates(a * clean + s * epsilon, prediction, ab, kind)
        assert np.allclose(got[0], clean, atol=1e-9) and np.allclose(got[1], epsilon, atol=1e-9)


@pytest.mark.parametrize("sampler", sorted(SAMPLERS))
@pytest.mark.parametrize("kind", ["v", "epsilon"])
def test_samplers_converge_to_the_exact_flow(sampler, kind):
    gaussian = GaussianDenoiser(SCHEDULE, 0.2, 0.4, kind)
    exact = gaussian.flow(NOISE)
    errors = [
        np.abs(SAMPLERS[sampler](SCHEDULE, gaussian.predict, NOISE, n, kind) - exact).max() for n in (12, 50, 250)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.05


def test_the_second_order_sampler_is_nearer_at_equal_calls():
    gaussian = GaussianDenoiser(SCHEDULE, 0.2, 0.4)
    exact = gaussian.flow(NOISE)
    first, second = (
        np.abs(SAMPLERS[name](SCHEDULE, gaussian.predict, NOISE, 12, "v") - exact).mean() for name in ("ddim", "dpm++")
    )
    assert second < 0.5 * first


@pytest.mark.parametrize("sampler", sorted(SAMPLERS))
def test_a_point_of_data_is_found_in_any_number_of_steps(sampler):
    point = GaussianDenoiser(SCHEDULE, -0.3, 0.0)
    for n in (1, 2, 5):
        assert np.allclose(SAMPLERS[sampler](SCHEDULE, point.predict, NOISE, n, "v"), -0.3, atol=1e-9)


def test_stochastic_sampling_keeps_the_distribution():
    gaussian = GaussianDenoiser(SCHEDULE, 0.2, 0.4)
    rng = np.random.default_rng(2)
    noise = rng.standard_normal(20000)
    drawn = ddim(SCHEDULE, gaussian.predict, noise, 1000, "v", eta=1.0, fresh=lambda i: rng.standard_normal(20000))
    assert drawn.mean() == pytest.approx(0.2, abs=0.02)
    assert drawn.std() == pytest.approx(0.4, abs=0.02)


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="linear"):
        Schedule.from_config({"type": "cosine"})
    with pytest.raises(ValueError, match="epsilon"):
        estimates(NOISE, NOISE, 0.5, "x0")
