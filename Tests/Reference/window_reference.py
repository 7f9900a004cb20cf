"""Write one window finished by PyTorch in fp32, to compare the engines' pixels with.

    PYTHONPATH=training python Tests/Reference/window_reference.py OUT_DIR MODEL.safetensors

OUT_DIR/window.safetensors: `coarse`, `noise` and `constants` go in; `pixels` are 8-bit values, planar, that come out of
the model's default sampler.
"""

import sys
from pathlib import Path

import numpy as np
import safetensors.numpy
import torch

from tessera_train import modelfile
from tessera_train.diffusion import SAMPLERS, Schedule


def main(out, path):
    torch.set_num_threads(1)  # with several, PyTorch's sums depend on their number
    model, config = modelfile.read(path)
    side, scale, offset = config["window"], config["normalisation"]["scale"], config["normalisation"]["offset"]
    rng = np.random.Generator(np.random.Philox(key=[11, 0]))
    y, x, channel = np.meshgrid(*(np.arange(n) for n in (side // 4, side // 4, 3)), indexing="ij")
    picture = 110 + 50 * np.sin(x / 9 + channel) * np.cos(y / 7) + 6 * rng.standard_normal(y.shape)
    coarse = ((np.round(np.clip(picture, 0, 255)) - offset) / scale).transpose(2, 0, 1)[None]
    coarse, noise = np.float32(coarse), np.float32(rng.standard_normal((1, 3, side, side)))
    scalars = {"timestep": 0.0, "log2_resolution": 6.0, "degradation": config["defaults"]["degradation"]}
    names = [scalar["name"] for scalar in config["scalars"]]
    row = torch.tensor([[scalars[name] for name in names]])
    with torch.inference_mode():
        features = model.encode(torch.from_numpy(coarse))

        def predict(values, timestep):
            row[0, names.index("timestep")] = timestep
            return model.denoise(values, features, row)

        defaults = config["defaults"]
        schedule = Schedule.from_config(config["schedule"])
        result = SAMPLERS[defaults["sampler"]](
            schedule, predict, torch.from_numpy(noise), defaults["steps"], config["prediction"])
    pixels = np.clip(np.floor(result.double().numpy() * scale + offset + 0.5), 0, 255).astype(np.float32)
    constants = np.float32([scalars[name] for name in names if name != "timestep"])
    tensors = {"coarse": coarse, "noise": noise, "constants": constants, "pixels": pixels}
    safetensors.numpy.save_file(
        {name: np.ascontiguousarray(value) for name, value in tensors.items()}, str(Path(out) / "window.safetensors"))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
