import json

import numpy as np
import pytest

from tessera_train.data import Sampler, build_layers, make_sampler, octave
from tessera_train.imagery import Scene, all_valid, area_average, load_scenes, manifest_digest, read_manifest
from tessera_train.loader import BackgroundBatches


def test_area_average_is_the_exact_mean_rounded_half_up():
    pixels = np.random.default_rng(0).integers(0, 256, (26, 31, 3), dtype=np.uint8)
    for factor in (2, 3, 5):
        h, w = 26 // factor, 31 // factor
        got = area_average(pixels, factor)
        assert got.shape == (h, w, 3)
        for y in range(h):
            for x in range(w):
                block = pixels[y * factor : (y + 1) * factor, x * factor : (x + 1) * factor].astype(int)
                total, area = block.sum(axis=(0, 1)), factor * factor
                assert (got[y, x] == (2 * total + area) // (2 * area)).all()
    assert area_average(np.uint8([[[0], [1]], [[0], [1]]]), 2) == 1


def test_averaging_twice_by_two_is_near_averaging_by_four():
    pixels = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    twice = area_average(area_average(pixels, 2), 2).astype(int)
    assert np.abs(twice - area_average(pixels, 4)).max() <= 1


def test_a_block_with_one_invalid_pixel_is_invalid():
    mask = np.ones((9, 8), bool)
    mask[3, 5] = False
    assert (all_valid(mask, 2) == [[1, 1, 1, 1], [1, 1, 0, 1], [1, 1, 1, 1], [1, 1, 1, 1]]).all()


def test_mercator_resolution_follows_the_cosine_of_latitude():
    scene = Scene("s", "p", "n", np.zeros((8192, 1, 3), np.uint8), None, float("nan"), 5)
    assert scene.resolution(4096) == pytest.approx(4891.97, abs=0.01)
    row = 4096 - 8192 / (2 * np.pi) * np.log(np.tan(np.pi / 4 + np.radians(60) / 2))
    assert scene.resolution(row) == pytest.approx(4891.97 / 2, abs=0.01)


def test_masks_are_never_violated(imagery, recipe):
    sampler = make_sampler(imagery[0], recipe, imagery[1])
    for step in range(60):
        assert sampler.batch(step).target.min() > 0


def test_a_place_counts_once_however_many_dates_it_has(imagery, recipe):
    recipe["octave_weights"] = {"3": 1}
    sampler = make_sampler(imagery[0], recipe, imagery[1])
    rng = np.random.default_rng(0)
    places = [sampler.draw_layer(rng, 64)[1].scene.place for _ in range(400)]
    assert 150 < places.count("pond") < 250


def test_octaves_follow_the_weights(imagery, recipe):
    sampler = make_sampler(imagery[0], recipe, imagery[1])
    drawn = np.concatenate([sampler.batch(step).octave for step in range(150)])
    shares = [np.mean(drawn == o) for o in (0, 1, 3, 4)]
    assert min(shares) > 0.15


def test_batches_are_a_function_of_the_step(imagery, recipe):
    sampler, other = (make_sampler(imagery[0], recipe, imagery[1]) for _ in range(2))
    for _ in range(3):
        other.batch(0)
    a, b, c = sampler.batch(9), other.batch(9), other.batch(10)
    assert a.target.tobytes() == b.target.tobytes() and a.coarse.tobytes() == b.coarse.tobytes()
    assert (a.metres == b.metres).all() and (a.strength == b.strength).all()
    assert a.target.shape != c.target.shape or a.target.tobytes() != c.target.tobytes()


@pytest.mark.parametrize("workers", [1, 3])
def test_background_processes_make_the_same_batches_in_order(imagery, recipe, workers):
    sampler = make_sampler(imagery[0], recipe, imagery[1])
    batches = BackgroundBatches(imagery[0], recipe, imagery[1], first_step=4, workers=workers)
    try:
        for step in range(4, 9):
            batch = next(batches)
            assert batch.step == step and batch.coarse.tobytes() == sampler.batch(step).coarse.tobytes()
    finally:
        batches.close()


def test_a_data_process_that_was_killed_is_noticed(imagery, recipe):
    batches = BackgroundBatches(imagery[0], recipe, imagery[1], first_step=0, ahead=2)
    try:
        next(batches)
        batches.processes[0].kill()
        batches.processes[0].join()
        with pytest.raises(RuntimeError, match="data process 0 ended with code -9"):
            for _ in range(4):
                next(batches)
    finally:
        batches.close()


def test_crops_of_their_own_streams_are_made_by_the_process_that_needs_them(imagery, recipe):
    recipe.update(streams="crop", batches=[{"size": 32, "count": 6, "share": 1}])
    sampler = make_sampler(imagery[0], recipe, imagery[1])
    whole = sampler.batch(5)
    for rank in range(3):
        part, wanted = sampler.batch(5, rank, 3), whole.share(rank, 3)
        for name in ("target", "coarse", "metres", "strength", "octave", "rows"):
            assert getattr(part, name).tobytes() == getattr(wanted, name).tobytes()
        assert part.share(rank, 3).target.tobytes() == part.target.tobytes() and part.count == 6


def test_an_error_in_the_background_reaches_the_trainer(imagery, recipe):
    recipe["octave_weights"] = {"11": 1}
    batches = BackgroundBatches(imagery[0], recipe, imagery[1], first_step=0)
    try:
        with pytest.raises(ValueError, match="wanted resolution"):
            next(batches)
    finally:
        batches.close()


def test_a_clean_condition_is_the_rounded_average(imagery, recipe):
    recipe["clean"] = 1.0
    sampler = make_sampler(imagery[0], recipe, imagery[1])
    batch = sampler.batch(3)
    for target, coarse in zip(batch.target, batch.coarse):
        assert (area_average(target.transpose(1, 2, 0), 4).transpose(2, 0, 1) == coarse).all()
    assert (batch.strength == 0).all()


def test_resolution_of_a_layer_counts_its_averaging(imagery):
    manifest = read_manifest(imagery[1])
    layers = build_layers(load_scenes(imagery[0], manifest), manifest, 32)
    assert sorted({layer.resolution(0) for layer in layers}) == [1.0, 2.0, 8.0, 16.0]
    assert [octave(m) for m in (0.8, 1.4, 1.5, 38.0, 4892.0)] == [0, 0, 1, 5, 12]


def test_a_scene_without_resolution_is_refused(imagery):
    root, path = imagery
    (root / "dated" / "index.json").write_text(json.dumps([]))
    with pytest.raises(ValueError, match="index.json"):
        list(load_scenes(root, read_manifest(path)))


def test_the_digest_follows_the_data(imagery):
    root, path = imagery
    manifest = read_manifest(path)
    before = manifest_digest(root, manifest)
    assert before == manifest_digest(root, manifest)
    mask = root / "masked" / "mask.png"
    mask.write_bytes(mask.read_bytes() + b"\0")
    assert manifest_digest(root, manifest) != before


def test_a_world_map_gives_no_polar_crops():
    scene = Scene("w", "w", "n", np.random.default_rng(0).integers(0, 255, (512, 512, 3), dtype=np.uint8), None,
                  float("nan"), 1)
    manifest = {"factors": [1], "sources": [{"name": "w"}]}
    lowest = scene.resolution(256) * np.cos(np.radians(72))
    recipe = {"octave_weights": {str(o): 1 for o in range(10, 18)}, "batches": [{"size": 32, "count": 1, "share": 1}],
              "places": {}, "dull_deviation": 0, "dull_kept": 1}
    sampler = Sampler(build_layers([scene], manifest, 32), recipe)
    rng = np.random.default_rng(0)
    assert min(sampler.draw(rng, 32)[1] for _ in range(200)) >= lowest
