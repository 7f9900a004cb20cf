"""Write a model file as two ONNX graphs, and check both against the PyTorch module.

    python -m tessera_train.onnx_export MODEL.safetensors OUT_DIR [--fp16]

OUT_DIR/encoder.onnx: `coarse` (N, 3, h, w) in [-1, 1] → `features` (N, C, h·factor/unshuffle, w·factor/unshuffle).
OUT_DIR/denoiser.onnx: `image` (N, 3, H, W), `features`, `scalars` (N, S) → `prediction` (N, 3, H, W).
N, h, w, H and W are free; H = 4h, and H and W are multiples of unshuffle·2^(levels − 1). Inputs and outputs are
float32, with --fp16 too, where weights and layers are half precision and only the scalars' embedding is not.
Both graphs carry the metadata of the model file (`tessera`) and its SHA-256 (`model_digest`).
"""

import argparse
import hashlib
import json
import logging
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn

from . import modelfile
from .model import Denoiser, multiple, sinusoid

OPSET = 18
TOLERANCE = {torch.float32: 1e-4, torch.float16: 5e-2}  # of the largest value that the module returns


class Encoder(nn.Module):
    """The graph of `encode`, float32 outside whatever the weights are."""

    def __init__(self, model: Denoiser):
        super().__init__()
        self.encoder, self.dtype = model.encoder, next(model.parameters()).dtype

    def forward(self, coarse):
        return self.encoder(coarse.to(self.dtype)).float()


class Predictor(nn.Module):
    """The graph of `denoise`, float32 outside whatever the weights are."""

    def __init__(self, model: Denoiser):
        super().__init__()
        self.unet, self.scalars, self.config = model.unet, model.scalars, model.config
        self.dtype = next(model.parameters()).dtype

    def forward(self, image, features, scalars):
        embedding = torch.stack([
            mlp(sinusoid(scalars[:, i] * spec["scale"], self.config["sinusoid"]).to(self.dtype))
            for i, (mlp, spec) in enumerate(zip(self.scalars, self.config["scalars"]))
        ]).sum(0)
        return self.unet(image.to(self.dtype), features.to(self.dtype), embedding).float()


def inputs(config: dict, count: int, height: int, width: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Inputs of both graphs drawn at random; height and width of the fine image."""
    rng = np.random.Generator(np.random.Philox(key=[seed, 1]))
    ranges = {"timestep": (0, 999), "log2_resolution": (0, 12), "degradation": (0, 1)}
    columns = [rng.uniform(*ranges.get(s["name"], (-1, 1)), count) for s in config["scalars"]]
    coarse = rng.uniform(-1, 1, (count, 3, height // config["factor"], width // config["factor"]))
    image = rng.standard_normal((count, 3, height, width))
    return {"image": np.float32(image), "coarse": np.float32(coarse), "scalars": np.float32(np.stack(columns, axis=1))}


def trace(module, arguments, names, result, dimensions) -> onnx.ModelProto:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            module, arguments, dynamo=True, opset_version=OPSET, input_names=names, output_names=[result],
            dynamic_shapes=dimensions, verbose=False,
        )
    return program.model_proto


def graphs(model: Denoiser) -> tuple[onnx.ModelProto, onnx.ModelProto]:
    """Return the graphs (encoder, denoiser)."""
    config, dim = model.config, torch.export.Dim
    step = multiple(config)
    given = inputs(config, 2, 2 * step, 3 * step)
    image, coarse, scalars = (torch.from_numpy(given[k]) for k in ("image", "coarse", "scalars"))
    count, rows, columns = dim("batch"), dim("rows"), dim("columns")
    ratio = step // config["unshuffle"]
    with torch.inference_mode():
        features = model.encode(coarse.to(next(model.parameters()).dtype)).float()
    features = features.clone()
    encoder = trace(Encoder(model), (coarse,), ["coarse"], "features", ({0: count, 2: dim("h"), 3: dim("w")},))
    fine, shared = {0: count, 2: step * rows, 3: step * columns}, {0: count, 2: ratio * rows, 3: ratio * columns}
    given, names = (image, features, scalars), ["image", "features", "scalars"]
    denoiser = trace(Predictor(model), given, names, "prediction", (fine, shared, {0: count}))
    return encoder, denoiser


def largest_error(model: Denoiser, folder: Path, count: int, height: int, width: int) -> tuple[float, float]:
    """Run both graphs with ONNX Runtime; returns the largest difference of each, relative to the largest value."""
    import onnxruntime

    def run(name, given):
        session = onnxruntime.InferenceSession(str(folder / name), providers=["CPUExecutionProvider"])
        return session.run(None, given)[0]

    given = inputs(model.config, count, height, width, seed=count)
    with torch.inference_mode():
        features = model.encode(torch.from_numpy(given["coarse"])).numpy()
        wanted = model.denoise(*(torch.from_numpy(v) for v in (given["image"], features, given["scalars"]))).numpy()
    got_features = run("encoder.onnx", {"coarse": given["coarse"]})
    got = run("denoiser.onnx", {"image": given["image"], "features": features, "scalars": given["scalars"]})
    return tuple(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in ((got_features, features), (got, wanted)))


def save(graph: onnx.ModelProto, path: Path):
    """Write a graph; weights beyond protobuf's 2 GB go to PATH.data beside it."""
    large = graph.ByteSize() > 1.9e9
    onnx.save(graph, path, save_as_external_data=large, location=path.name + ".data" if large else None)
    onnx.checker.check_model(str(path))


def export(path, folder, half: bool = False):
    """Write both graphs of a model file; returns the largest relative errors that a check found."""
    model, metadata = modelfile.read(path)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    notes = {
        "tessera": json.dumps(metadata, sort_keys=True, ensure_ascii=False),
        "model_digest": hashlib.sha256(Path(path).read_bytes()).hexdigest(),
    }
    for name, graph in zip(("encoder", "denoiser"), graphs(model.half() if half else model)):
        onnx.helper.set_model_props(graph, notes)
        save(graph, folder / f"{name}.onnx")
    step = multiple(metadata)
    dtype = torch.float16 if half else torch.float32
    errors = largest_error(model.float(), folder, 1, 4 * step, 3 * step)
    if not max(errors) <= TOLERANCE[dtype]:
        raise ValueError(f"the graphs differ from the module by {errors}, relative to its largest value")
    return errors


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("out")
    parser.add_argument("--fp16", action="store_true", help="half-precision weights and layers, for GPUs")
    arguments = parser.parse_args(argv)
    encoder, denoiser = export(arguments.model, arguments.out, arguments.fp16)
    print(f"largest error against PyTorch over the largest value: encoder {encoder:.1e}, denoiser {denoiser:.1e}")


if __name__ == "__main__":
    main()
