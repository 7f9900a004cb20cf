"""The model file: fp16 safetensors with one metadata key, `tessera`, that holds JSON."""

import json
import math
import struct
from pathlib import Path

import numpy as np
import safetensors.torch
import torch

from .model import Denoiser

FORMAT = {
    "format": "tessera-model",
    "version": 1,
    "normalisation": {"scale": 127.5, "offset": 127.5},  # pixel = value·scale + offset
    "window": 256,
    "margin": 64,
}


def write(path, tensors: dict, metadata: dict):
    """Write tensors as fp16; equal input gives equal bytes."""
    half = {}
    for name in sorted(tensors):
        value = tensors[name].detach().to(torch.float32).to(torch.float16).contiguous()
        if not torch.isfinite(value).all():
            raise ValueError(f"{name} has values beyond the range of fp16; train with weight decay or export fp32")
        half[name] = value
    text = json.dumps(metadata, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    Path(path).write_bytes(safetensors.torch.save(half, metadata={"tessera": text}))


def read_metadata(path) -> dict:
    """Read the JSON of the `tessera` key, without the tensors."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    return json.loads(header["__metadata__"]["tessera"])


def read(path, dtype=torch.float32) -> tuple[Denoiser, dict]:
    """Build the denoiser of a model file; returns it with its metadata."""
    metadata = read_metadata(path)
    model = Denoiser(metadata)
    model.load_state_dict(safetensors.torch.load_file(str(path)))
    return model.to(dtype).eval().requires_grad_(False), metadata


def randomise(model: Denoiser, seed: int):
    """Fill every parameter at random, those that training starts at zero too; a function of the seed alone."""
    rng = np.random.Generator(np.random.Philox(key=[seed, 0]))
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            values = rng.standard_normal(tuple(parameter.shape))
            if parameter.ndim == 1:
                is_scale = name.endswith("weight")
                values = 1 + 0.2 * values if is_scale else 0.1 * values
            else:
                residual = name.endswith(("conv2.weight", "projection.weight"))
                values *= (0.5 if residual else 1.0) / math.sqrt(math.prod(parameter.shape[1:]))
            parameter.copy_(torch.from_numpy(values))
