import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

CONFIGS = Path(__file__).resolve().parent.parent / "configs"


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def config(name: str) -> dict:
    return json.loads((CONFIGS / f"{name}.json").read_text())


@pytest.fixture
def imagery(tmp_path):
    """Two small sources: a masked one and one with two dates of one place; returns (folder, manifest path)."""
    rng = np.random.default_rng(5)
    root = tmp_path / "imagery"
    masked, dated = root / "masked", root / "dated"
    masked.mkdir(parents=True)
    dated.mkdir()
    pixels = rng.integers(1, 255, (300, 260, 3), dtype=np.uint8)
    mask = np.ones((300, 260), bool)
    mask[:, 200:] = False
    pixels[~mask] = 0
    Image.fromarray(pixels).save(masked / "scene.png")
    Image.fromarray(mask).save(masked / "mask.png")
    for name in ("pond_2019", "pond_2020", "hill_2020"):
        Image.fromarray(rng.integers(1, 255, (140, 150, 3), dtype=np.uint8)).save(dated / f"{name}.png")
    (dated / "index.json").write_text(
        json.dumps([{"file": f"{n}.png", "gsd_m": 8.0} for n in ("pond_2019", "pond_2020", "hill_2020")])
    )
    manifest = {
        "factors": [1, 2],
        "sources": [
            {"name": "masked", "files": "scene.png", "mask": "mask.png", "resolution": {"metres": 1},
             "licence": "none", "credit": "noise"},
            {"name": "dated", "files": "*.png", "place": "^([a-z]+)_", "resolution": {"index": "gsd_m"},
             "licence": "none", "credit": "noise"},
        ],
    }
    path = tmp_path / "sources.json"
    path.write_text(json.dumps(manifest))
    return root, path


@pytest.fixture
def recipe():
    return {
        **config("recipe-tiny"),
        "batches": [{"size": 64, "count": 2, "share": 0.5}, {"size": 32, "count": 3, "share": 0.5}],
        "octave_weights": {"0": 1, "1": 1, "3": 1, "4": 1}, "places": {}, "warmup": 3, "precision": "float32",
    }
