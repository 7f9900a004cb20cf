import json

import numpy as np
import pytest
import torch
from conftest import CONFIGS
from PIL import Image

from tessera_train import export
from tessera_train.eval import __main__ as command
from tessera_train.eval import downstream, features, places, sheets, tables
from tessera_train.eval.generator import Generator, Settings
from tessera_train.imagery import area_average

RNG = np.random.default_rng(4)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "random.safetensors"
    export.main(["--random", "3", "--config", str(CONFIGS / "test-attention.json"), str(path)])
    return path


@pytest.mark.parametrize("text", ["ddim:12", "dpm++:10:logsnr", "dpm++:4:logsnr:project:start=400"])
def test_settings_come_back_from_their_text(text):
    assert str(Settings.parse(text)) == text


@pytest.mark.parametrize("text, what", [("euler:5", "euler"), ("ddim:5:karras", "karras")])
def test_wrong_settings_are_named(text, what):
    with pytest.raises(ValueError, match=what):
        Settings.parse(text)


def test_a_result_does_not_depend_on_the_batch(model):
    coarse = RNG.integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    arguments = ([10.0, 20.0, 40.0], [0.0, 0.5, 1.0], Settings("dpm++", 3, "logsnr"))
    together = Generator(model, bf16=False)(coarse, *arguments)
    alone = Generator(model, bf16=False, budget=1)(coarse, *arguments)
    assert together.shape == (3, 32, 32, 3) and np.abs(together.astype(int) - alone).max() <= 1


def test_what_was_made_is_kept(model, tmp_path):
    coarse = RNG.integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
    arguments = ([10.0, 20.0], 0.2, Settings("ddim", 2))
    generate = Generator(model, budget=1, kept=tmp_path)
    first = generate(coarse, *arguments)
    assert len(list(tmp_path.glob("*.npy"))) == 2 and not [p for p in tmp_path.iterdir() if p.suffix != ".npy"]
    generate.batch = None  # nothing is made anew
    assert (generate(coarse, *arguments) == first).all()
    with pytest.raises(TypeError):
        generate(coarse, [10.0, 20.0], 0.3, Settings("ddim", 2))


def test_projection_agrees_with_the_condition(model):
    generate = Generator(model, bf16=False)
    coarse = RNG.integers(60, 200, (2, 8, 8, 3), dtype=np.uint8)
    apart, projected = (
        np.abs(np.stack([area_average(i, 4) for i in generate(coarse, [10.0] * 2, 0.2, Settings.parse(text))])
               .astype(float) - coarse).mean() for text in ("ddim:2", "ddim:2:project"))
    assert projected < 0.5 * apart


def test_a_truncated_start_stays_near_its_condition(model):
    generate = Generator(model, bf16=False)
    coarse = np.full((1, 8, 8, 3), 90, np.uint8)
    near = generate(coarse, [10.0], 0.0, Settings("ddim", 1, start=0))
    far = generate(coarse, [10.0], 0.0, Settings("ddim", 1))
    assert np.abs(near.astype(float) - 90).mean() < 0.5 * np.abs(far.astype(float) - 90).mean()


def test_features_are_of_patches_in_reading_order():
    space = features.Features()
    pictures = RNG.integers(0, 256, (2, 128, 192, 3), dtype=np.uint8)
    found = space(pictures)
    assert found.shape == (2, 6, features.FEATURES)
    assert np.allclose(found[1, 4], space(pictures[1:, 64:, 64:128])[0, 0], atol=1e-5)
    assert space.octaves(pictures).shape == (2, 6)


def test_the_perceptual_distance_is_zero_for_equals_and_grows():
    space = features.Features()
    picture = RNG.integers(0, 256, (1, 64, 64, 3), dtype=np.uint8)
    slight, strong = (np.clip(picture + RNG.normal(0, s, picture.shape), 0, 255).astype(np.uint8) for s in (4, 60))
    assert space.distance(picture, picture)[0] == 0
    assert 0 < space.distance(slight, picture)[0] < space.distance(strong, picture)[0]


def test_the_feature_network_learns(imagery):
    from tessera_train.data import Sampler, build_layers
    from tessera_train.imagery import load_scenes, read_manifest

    manifest = read_manifest(imagery[1])
    recipe = {"octave_weights": {"0": 1, "3": 1}, "batches": [{"size": 64}], "places": {}}
    sampler = Sampler(build_layers(load_scenes(imagery[0], manifest), manifest, 64), recipe)
    crops, labels = features.draw(sampler, ["masked", "dated"], 12, np.random.default_rng(1))
    assert crops.shape == (12, 64, 64, 3) and set(labels[:, 0].tolist()) <= {0, 3} and labels[:, 1].max() <= 1
    said = []
    net = features.train(sampler, ["masked", "dated"], 100, count=8, report=said.append)
    assert len(said) == 1 and sum(p.numel() for p in net.parameters()) < 250_000


def test_every_change_changes_and_none_does_not():
    crop = RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert (features.change(crop, 0, RNG) == crop).all()
    assert all((features.change(crop, kind, RNG) != crop).any() for kind in range(1, features.CHANGES))


def test_missing_or_wrong_inception_weights_are_named(tmp_path):
    with pytest.raises(ValueError, match="nowhere"):
        features.InceptionFeatures(tmp_path / "nowhere.pth")
    torch.save({"a": 1}, tmp_path / "wrong.pth")
    with pytest.raises(ValueError, match="torchvision"):
        features.InceptionFeatures(tmp_path / "wrong.pth")


def test_tables_are_filled_between_their_marks(tmp_path):
    figure = {"value": 0.5, "interval": [0.25, 0.75], "n": 3}
    scores = {"real": [0.5], "generated": [0.25]}
    numbers, page = tmp_path / "n.json", tmp_path / "page.md"
    found = {"scores": scores, "real": figure, "generated": figure, "gain": figure}
    numbers.write_text(json.dumps({"downstream": found}))
    page.write_text("before\n<!-- table downstream -->\nold\n<!-- end -->\nafter\n")
    tables.fill(numbers, page)
    text = page.read_text()
    assert "| real | 0.50 (0.25 … 0.75) | 0.50 |" in text and "old" not in text
    assert text.startswith("before\n") and text.endswith("<!-- end -->\nafter\n")
    tables.fill(numbers, page)
    assert page.read_text() == text
    page.write_text("<!-- table calls-mosaics -->\n<!-- end -->\n")
    tables.fill(numbers, page)
    assert "Not measured (`--only calls`)" in page.read_text()
    page.write_text("<!-- table nothing -->\n<!-- end -->\n")
    with pytest.raises(ValueError, match="nothing"):
        tables.fill(numbers, page)
    page.write_text("<!-- table downstream -->\n")
    with pytest.raises(ValueError, match="end"):
        tables.fill(numbers, page)


def test_the_command_measures_and_collects(model, imagery, tmp_path):
    data, out, docs = tmp_path / "data", tmp_path / "out", tmp_path / "docs"
    data.mkdir()
    (docs / "images").mkdir(parents=True)
    (data / "heldout").symlink_to(imagery[0])
    (data / "train").symlink_to(imagery[0])
    command.main([str(model), "--data", str(data), "--out", str(out), "--only", "octaves", "--scale", "0.01",
                  "--settings", "ddim:1", "--heldout-sources", str(imagery[1]), "--tuning-sources", str(imagery[1])])
    page = docs / "results.md"
    page.write_text("<!-- table octaves -->\n<!-- end -->\n<!-- table octaves-each -->\n<!-- end -->\n")
    command.main(["--collect", str(out), "--page", str(page)])
    assert "| bicubic |" in page.read_text() and "| 8 |" in page.read_text()
    assert json.loads((docs / "results.json").read_text())["octaves"]["settings"] == "ddim:1"
    assert Image.open(docs / "images/results-heldout.jpg").width > 400


def test_boxes_and_pictures_that_are_not_there_are_named(imagery):
    with pytest.raises(ValueError, match="atlantis"):
        places.boxes(*imagery, ["atlantis"], source="masked")
    with pytest.raises(ValueError, match="other.png"):
        places.scene(*imagery, "masked", "other.png")


def test_chips_are_read_with_their_classes_and_their_lack_is_named(tmp_path):
    folder = tmp_path / "sentinel2_10m"
    folder.mkdir()
    with pytest.raises(ValueError, match="no chips"):
        downstream.chips(tmp_path)
    for name in ("Forest_1", "Highway_2", "SeaLake_3"):
        Image.fromarray(RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(folder / f"eurosat_{name}.jpg")
    pictures, labels = downstream.chips(tmp_path)
    assert pictures.shape == (2, 64, 64, 3) and [downstream.CLASSES[k] for k in labels] == ["Forest", "Highway"]


def test_the_classifier_tells_apart_what_is_apart():
    pictures = np.concatenate([np.full((8, 64, 64, 3), v, np.uint8) for v in (30, 120, 220)])
    labels = np.repeat([0, 1, 2], 8)
    assert downstream.accuracy(downstream.fit(pictures, labels, 0, 60), pictures, labels) > 0.9


def test_a_sheet_holds_all_its_pictures():
    page = sheets.sheet([[np.zeros((20, 30, 3), np.uint8)] * 2] * 3, ["a", "b", "c"], ("x", "y"))
    assert page.size == (76 + 2 * 32, 14 + 3 * 22)
