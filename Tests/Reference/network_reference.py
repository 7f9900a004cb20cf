"""Write models with random weights, and what every layer of theirs returns in float64.

    PYTHONPATH=training python Tests/Reference/network_reference.py OUT_DIR [MODEL.safetensors …]

OUT_DIR/NAME/{model,layers}.safetensors, one folder for each configuration below and for each given model; the tests of
the engines read them from the folder that the environment variable TESSERA_REFERENCE names.
"""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import safetensors.numpy
import torch

from tessera_train import export, modelfile, reference

TINY = Path(export.__file__).parent.parent / "configs/tiny.json"
reference.SCALARS |= {"latitude": (-33.5, 61.0), "season": (0.25, 0.75)}

# Each differs from `tiny` in these keys; together they take every branch of the network.
VARIANTS = {
    # no unshuffling, groups that straddle the skip connection, heads that do not divide the head width
    "attention": {
        "unshuffle": 1, "widths": [24, 48, 72], "blocks": [1, 2, 1], "attention": [False, True, True],
        "head_channels": 16, "groups": 3, "embedding": 40, "sinusoid": 34,
        "encoder": {"channels": 10, "blocks": 1, "growth": 6},
    },
    # no up-sampling in the encoder, one wide head, more scalars with the timestep among them
    "scalars": {
        "unshuffle": 4, "widths": [32, 64], "blocks": [2, 1], "attention": [True, False], "head_channels": 64,
        "groups": 16, "embedding": 64, "sinusoid": 32, "encoder": {"channels": 44, "blocks": 2, "growth": 8},
        "prediction": "epsilon",
        "scalars": [
            {"name": "latitude", "scale": 10.0}, {"name": "log2_resolution", "scale": 80.0},
            {"name": "timestep", "scale": 1.0}, {"name": "degradation", "scale": 1000.0},
            {"name": "season", "scale": 500.0},
        ],
    },
    # small and complete: what the tests of whole renderings use
    "small": {
        "widths": [16, 32], "blocks": [1, 1], "attention": [False, False], "groups": 4, "embedding": 32, "sinusoid": 16,
        "encoder": {"channels": 8, "blocks": 1, "growth": 4},
    },
    # the least that a network can have
    "least": {
        "widths": [8], "blocks": [1], "attention": [False], "groups": 1, "embedding": 5, "sinusoid": 2,
        "encoder": {"channels": 3, "blocks": 0, "growth": 1}, "scalars": [{"name": "timestep", "scale": 1.0}],
    },
}


def write_layers(folder: Path):
    model, metadata = modelfile.read(folder / "model.safetensors", torch.float64)
    given = reference.inputs(metadata)
    kept = {name: np.ascontiguousarray(v, dtype=np.float32) for name, v in reference.layers(model, given).items()}
    safetensors.numpy.save_file({**given, **kept}, str(folder / "layers.safetensors"))


def main(out, *models):
    tiny = json.loads(TINY.read_text())
    for seed, (name, changes) in enumerate({"tiny": {}, **VARIANTS}.items()):
        folder = Path(out) / name
        folder.mkdir(parents=True, exist_ok=True)
        export.export_random({**tiny, **changes, "name": name}, seed, folder / "model.safetensors")
        write_layers(folder)
    for model in map(Path, models):
        folder = Path(out) / f"given-{model.stem}"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(model, folder / "model.safetensors")
        write_layers(folder)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
