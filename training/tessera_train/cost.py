"""Count the parameters and operations of a configuration, without memory for it.

    python -m tessera_train.cost configs/metaearth.json [--size 256]
"""

import argparse

import torch
from torch.utils.flop_counter import FlopCounterMode

from .model import Denoiser
from .train import read_json


def parameters(config: dict) -> int:
    with torch.device("meta"):
        return sum(p.numel() for p in Denoiser(config).parameters())


def operations(config: dict, size: int = 256) -> tuple[int, int]:
    """Floating-point operations (a multiply-add counts two) of (encoder, one denoising step) for one image."""
    with torch.device("meta"):
        model = Denoiser(config)
        coarse = torch.empty(1, 3, size // config["factor"], size // config["factor"])
        image, scalars = torch.empty(1, 3, size, size), torch.empty(1, len(config["scalars"]))
    with torch.no_grad():
        with FlopCounterMode(display=False) as encoder:
            features = model.encode(coarse)
        with FlopCounterMode(display=False) as step:
            model.denoise(image, features, scalars)
    return encoder.get_total_flops(), step.get_total_flops()


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config")
    parser.add_argument("--size", type=int, default=256)
    arguments = parser.parse_args(argv)
    config = read_json(arguments.config)
    count, (encoder, step) = parameters(config), operations(config, arguments.size)
    print(f"{count / 1e6:.2f} M parameters, {count * 2 / 1e6:.1f} MB in fp16")
    print(f"at {arguments.size}²: encoder {encoder / 1e9:.1f} GFLOP once, {step / 1e9:.1f} GFLOP a step")


if __name__ == "__main__":
    main()
