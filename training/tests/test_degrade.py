import numpy as np

import pytest

import tessera_train.degrade
from tessera_train.degrade import MAX_BLUR, blur, blur_matrix, degrade, draw_strength, jpeg, make_condition, quantise, reduce
from tessera_train.imagery import area_average


def textured(seed=0, size=32):
    rng = np.random.default_rng(seed)
    return blur(rng.uniform(0, 255, (size, size, 3)).astype(np.float32), 0.8, 0.8)


def error(strength, count=40):
    image = textured()
    rng = np.random.default_rng(3)
    return np.mean([np.abs(degrade(image, strength, rng).astype(float) - image).mean() for _ in range(count)])


def test_strength_zero_only_rounds():
    image = textured()
    assert (degrade(image, 0.0, np.random.default_rng(0)) == np.floor(image + 0.5)).all()


def test_the_same_seed_gives_the_same_bytes():
    image = textured()
    a, b, c = (degrade(image, 0.7, np.random.default_rng(s)) for s in (1, 1, 2))
    assert a.tobytes() == b.tobytes() != c.tobytes()


def test_damage_grows_with_the_strength_and_stays_bounded():
    errors = [error(u) for u in (0.05, 0.3, 0.6, 1.0)]
    assert errors == sorted(errors)
    assert errors[0] < 10 and errors[-1] < 40


def test_brightness_is_kept():
    image = textured()
    rng = np.random.default_rng(4)
    drifts = [degrade(image, 1.0, rng).mean() - image.mean() for _ in range(60)]
    assert abs(np.mean(drifts)) < 0.5


def test_a_blur_keeps_a_flat_image_and_has_the_asked_width():
    assert np.allclose(blur_matrix(16, 1.3).sum(axis=1), 1, atol=1e-6)
    row = blur_matrix(41, 1.5)[20].astype(float)
    assert abs(np.sqrt((row * (np.arange(41) - 20) ** 2).sum()) - 1.5) < 0.03


def test_jpeg_keeps_the_shape_and_moves_its_grid():
    image = textured()
    shapes = {jpeg(image, 40, np.random.default_rng(s)).shape for s in range(5)}
    assert shapes == {(32, 32, 3)}
    edges = set()
    for seed in range(20):
        ramp = np.tile(np.linspace(0, 80, 32, dtype=np.float32)[None, :, None], (32, 1, 3))
        step = np.abs(np.diff(jpeg(ramp, 10, np.random.default_rng(seed)).mean(axis=(0, 2))))
        edges.add(int(step.argmax()) % 8)
    assert len(edges) > 3


def test_strengths_are_clean_as_often_as_asked():
    rng = np.random.default_rng(0)
    drawn = np.array([draw_strength(rng, 0.15) for _ in range(4000)])
    assert 0.12 < (drawn == 0).mean() < 0.18
    assert drawn.min() >= 0 and drawn.max() < 1


def test_rounding_clamps():
    assert (quantise(np.float32([-3, 0.49, 0.5, 254.6, 300])) == [0, 0, 1, 255, 255]).all()


def crop(seed=0):
    return quantise(textured(seed, 64))


def conditions(count=30, **options):
    rng = np.random.default_rng(2)
    return [make_condition(crop(), rng, {"clean": 0.0, "degradation": options}) for _ in range(count)]


def test_no_rounds_leave_the_reduced_picture():
    (area, strength), = conditions(1, rounds=0)
    assert strength == 0 and (area == area_average(crop(), 4)).all()
    (bicubic, _), = conditions(1, rounds=0, kernel="bicubic")
    assert bicubic.shape == area.shape and 0 < np.abs(bicubic.astype(int) - area).mean() < 10


def test_two_rounds_damage_more_than_one():
    clean = reduce(crop(), "area")
    one, mixed, two = (
        np.mean([np.abs(c.astype(float) - clean).mean() for c, _ in conditions(120, rounds=rounds)])
        for rounds in (1, "mixed", 2)
    )
    assert one < mixed < two


@pytest.mark.parametrize("at", ["coarse", "fine"])
def test_the_strength_is_the_label_of_the_damage(at):
    clean = reduce(crop(), "area")
    drawn = conditions(120, at=at)
    assert all(c.shape == (16, 16, 3) and c.dtype == np.uint8 for c, _ in drawn)
    damage = np.array([np.abs(c.astype(float) - clean).mean() for c, _ in drawn])
    assert np.corrcoef(damage, [u for _, u in drawn])[0, 1] > 0.4


def test_the_share_of_the_blur_is_bounded_by_the_recipe(monkeypatch):
    taken = []

    def recorded(image, sigma_y, sigma_x):
        taken.append(max(sigma_y, sigma_x) / (MAX_BLUR * 0.5))
        return image

    monkeypatch.setattr(tessera_train.degrade, "blur", recorded)
    monkeypatch.setattr(tessera_train.degrade, "add_noise", lambda image, *_: image)
    rng = np.random.default_rng(3)
    for _ in range(20):
        degrade(np.full((16, 16, 3), 90.0), 0.5, rng, 1, 1, (1.0, 1.0))
    assert taken == pytest.approx([1.0] * 20)
    taken.clear()
    for _ in range(20):
        degrade(np.full((16, 16, 3), 90.0), 0.5, rng, 1)
    assert 0.4 <= min(taken) < max(taken) <= 1.0
