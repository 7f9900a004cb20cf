"""Write a model file from a checkpoint's averaged weights, or from random ones.

    python -m tessera_train.export CHECKPOINT OUT.safetensors --data DIR [--degradation U …]
    python -m tessera_train.export --random SEED --config configs/tiny.json OUT.safetensors
"""

import argparse
import hashlib
import json
from pathlib import Path

import torch

from . import modelfile
from .imagery import manifest_digest, read_manifest
from .model import Denoiser
from .train import HERE, read_json

DEFAULTS = {"sampler": "dpm++", "steps": 12, "degradation": 0.3}
RECIPE_CODE = ("data.py", "degrade.py", "imagery.py", "model.py", "train.py")


def recipe_digest(config: dict, recipe: dict, data_digest: str) -> str:
    """SHA-256 over configuration, recipe, data and the code that trains."""
    digest = hashlib.sha256(json.dumps([config, recipe, data_digest], sort_keys=True).encode())
    for name in RECIPE_CODE:
        digest.update((Path(__file__).parent / name).read_bytes())
    return digest.hexdigest()


def metadata(config: dict, defaults: dict, resolutions, licence: str, credits: list[str], digest: str) -> dict:
    return {
        **config, **modelfile.FORMAT, "defaults": defaults, "resolutions": list(resolutions),
        "licence": licence, "training_data": credits, "recipe_digest": digest,
    }


def export_random(config: dict, seed: int, out):
    model = Denoiser(config)
    modelfile.randomise(model, seed)
    digest = recipe_digest(config, {"random": seed}, "")
    described = metadata(config, DEFAULTS, [0.5, 6000.0], "CC0-1.0", ["none: random weights"], digest)
    modelfile.write(out, model.state_dict(), described)


def export_checkpoint(checkpoint, sources, data, defaults: dict, out):
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    manifest = read_manifest(sources)
    digest = recipe_digest(state["config"], state["recipe"], manifest_digest(data, manifest))
    credits = [f"{s['credit']} ({s['licence']})" for s in manifest["sources"]]
    octaves = [int(o) for o in state["recipe"]["octave_weights"]]
    resolutions = [2.0 ** min(octaves), 2.0 ** max(octaves)]
    licence = "CC-BY-4.0; see training_data for the credits of the imagery"
    described = metadata(state["config"], defaults, resolutions, licence, credits, digest)
    described["trained"] = {"steps": state["step"], "seconds": round(state["elapsed"])}
    modelfile.write(out, state["ema"], described)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", nargs="?")
    parser.add_argument("out")
    parser.add_argument("--random", type=int, metavar="SEED")
    parser.add_argument("--config", default=HERE / "configs/tiny.json", help="for --random")
    parser.add_argument("--sources", default=HERE / "configs/sources.json")
    parser.add_argument("--data", help="the imagery trained on, for the digest")
    parser.add_argument("--sampler", default=DEFAULTS["sampler"], choices=["ddim", "dpm++"])
    parser.add_argument("--steps", type=int, default=DEFAULTS["steps"])
    parser.add_argument("--spacing", default="t", choices=["t", "logsnr"], help="how the steps are spread")
    parser.add_argument("--degradation", type=float, nargs="+", default=[DEFAULTS["degradation"]],
                        help="strength asked for; several numbers: one per level, the last for all deeper ones")
    arguments = parser.parse_args(argv)
    if arguments.random is not None:
        export_random(read_json(arguments.config), arguments.random, arguments.out)
        return
    if not arguments.checkpoint or not arguments.data:
        parser.error("give a checkpoint and --data, or --random SEED")
    strengths = arguments.degradation
    defaults = {"sampler": arguments.sampler, "steps": arguments.steps, "spacing": arguments.spacing,
                "degradation": strengths[0] if len(strengths) == 1 else strengths}
    export_checkpoint(arguments.checkpoint, arguments.sources, arguments.data, defaults, arguments.out)


if __name__ == "__main__":
    main()
