"""Write reference values, computed in float64, for the tests of the renderer.

    python -m tessera_train.reference MODEL.safetensors OUT_DIR [--steps 12]
    python -m tessera_train.reference --samplers OUT.json

OUT_DIR/layers.safetensors: inputs `image` (2, 3, 64, 64), `coarse` (2, 3, 16, 16), `scalars` (2, S);
outputs `encode`, `embed`, `prediction`, and of every layer under its name in the module tree (for
example `unet.down.0.blocks.0`): what that module returned, before any activation outside it.
OUT_DIR/trajectories.safetensors: `noise`, `coarse`, `scalars` (the timestep in them is replaced at each
step), `ddim`, `dpm++`: the samplers' results. All tensors are stored as float32.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import safetensors.numpy
import torch

from . import modelfile
from .diffusion import SAMPLERS, GaussianDenoiser, Schedule, timesteps
from .model import Attention, ConditionEncoder, Denoiser, ResidualBlock, RRDB, Stage, UNet

SCALARS = {"timestep": (731.0, 42.0), "log2_resolution": (3.25, 8.5), "degradation": (0.3, 0.0)}
SIZE = 64


def draw(seed: int, *shape) -> np.ndarray:
    return np.random.Generator(np.random.Philox(key=[seed, 0])).standard_normal(shape).astype(np.float32)


def inputs(config: dict) -> dict:
    coarse = np.clip(0.5 * draw(2, 2, 3, SIZE // config["factor"], SIZE // config["factor"]), -1, 1)
    scalars = np.stack([np.float32(SCALARS[s["name"]]) for s in config["scalars"]], axis=1)
    return {"image": draw(1, 2, 3, SIZE, SIZE), "coarse": coarse, "scalars": scalars}


def double(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array).double()


def layers(model: Denoiser, given: dict) -> dict:
    """Run the model once and keep what every block and lone layer returned."""
    kept = {}

    def keep(name):
        def hook(module, arguments, result):
            kept[name] = result.numpy()

        return hook

    containers = (Denoiser, UNet, ConditionEncoder, Stage, torch.nn.ModuleList)
    inner = (ResidualBlock, Attention, RRDB)
    handles, closed = [], []
    for name, module in model.named_modules():
        if isinstance(module, containers) or any(name.startswith(prefix + ".") for prefix in closed):
            continue
        handles.append(module.register_forward_hook(keep(name)))
        if isinstance(module, inner) or name.startswith("scalars."):
            closed.append(name)
    features = model.encode(double(given["coarse"]))
    scalars = double(given["scalars"])
    kept["encode"], kept["embed"] = features.numpy(), model.embed(scalars).numpy()
    kept["prediction"] = model.denoise(double(given["image"]), features, scalars).numpy()
    for handle in handles:
        handle.remove()
    return kept


def trajectory(model: Denoiser, metadata: dict, given: dict, sampler: str, steps: int) -> np.ndarray:
    """Sample from a fixed noise (the `image` of the inputs) in float64."""
    schedule = Schedule.from_config(metadata["schedule"])
    features = model.encode(double(given["coarse"]))
    scalars = double(given["scalars"])
    column = [s["name"] for s in metadata["scalars"]].index("timestep")

    def predict(x, t):
        now = scalars.clone()
        now[:, column] = t
        return model.denoise(x, features, now)

    noise = double(given["image"])
    return SAMPLERS[sampler](schedule, predict, noise, steps, metadata["prediction"]).numpy()


def write_fixtures(model_path, out, steps: int = 12):
    model, metadata = modelfile.read(model_path, torch.float64)
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    given = inputs(metadata)
    single = {k: np.ascontiguousarray(v, dtype=np.float32) for k, v in layers(model, given).items()}
    safetensors.numpy.save_file({**given, **single}, str(out / "layers.safetensors"))
    paths = {name: trajectory(model, metadata, given, name, steps).astype(np.float32) for name in SAMPLERS}
    stored = {"noise": given["image"], "coarse": given["coarse"], "scalars": given["scalars"], **paths}
    safetensors.numpy.save_file({k: np.ascontiguousarray(v) for k, v in stored.items()},
                                str(out / "trajectories.safetensors"))


def sampler_values(config: dict) -> dict:
    """Schedule values and sampler results for Gaussian data, where the denoiser is known in closed form."""
    schedule = Schedule.from_config(config["schedule"])
    noise = draw(3, 16).astype(np.float64)
    cases = []
    for kind in ("v", "epsilon"):
        gaussian = GaussianDenoiser(schedule, 0.2, 0.4, kind)
        for name in SAMPLERS:
            for steps in (1, 2, 3, 8, 12, 50):
                result = SAMPLERS[name](schedule, gaussian.predict, noise, steps, kind)
                cases.append({"sampler": name, "prediction": kind, "steps": steps, "result": result.tolist()})
    exact = GaussianDenoiser(schedule, 0.2, 0.4)
    return {
        "schedule": config["schedule"], "alpha_bar": schedule.alpha_bar.tolist(),
        "timesteps": {str(n): timesteps(len(schedule), n) for n in (1, 2, 3, 8, 10, 12, 50)},
        "mean": 0.2, "deviation": 0.4, "noise": noise.tolist(), "flow": exact.flow(noise).tolist(), "cases": cases,
    }


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?")
    parser.add_argument("out", nargs="?")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--samplers", metavar="OUT.json", help="write the network-free values")
    parser.add_argument("--config", default=Path(__file__).parent.parent / "configs/tiny.json", help="for --samplers")
    arguments = parser.parse_args(argv)
    if arguments.samplers:
        with open(arguments.config) as file:
            values = sampler_values(json.load(file))
        Path(arguments.samplers).write_text(json.dumps(values, indent=1) + "\n")
    if arguments.model:
        if not arguments.out:
            parser.error("give the folder to write to")
        write_fixtures(arguments.model, arguments.out, arguments.steps)
    elif not arguments.samplers:
        parser.error("give a model file, or --samplers")


if __name__ == "__main__":
    main()
