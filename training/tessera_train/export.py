"""Write a model file from a checkpoint's averaged weights, or from random ones.

    python -m tessera_train.export CHECKPOINT OUT.safetensors [--data DIR] [--degradation U …]
    python -m tessera_train.export --random SEED --config configs/tiny.json OUT.safetensors

The digest in the file covers the configuration and every stage of training: recipe, steps, imagery and code. A
checkpoint records them; for what an old one lacks, give --data (the imagery) and, for each earlier stage,
--stage RECIPE.json:STEPS.
"""

import argparse
import hashlib
import json

import torch

from . import modelfile
from .dataset import credits, data_digest
from .model import Denoiser
from .train import HERE, read_json
from .trainer import checkpoint_stages, code_digest

DEFAULTS = {"sampler": "dpm++", "steps": 12, "degradation": 0.3}
LICENCE = "CC-BY-4.0; see training_data for the credits of the imagery"


def digest_of(value) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def metadata(config: dict, defaults: dict, resolutions, licence: str, credits: list[str], digest: str) -> dict:
    return {
        **config, **modelfile.FORMAT, "defaults": defaults, "resolutions": list(resolutions),
        "licence": licence, "training_data": credits, "recipe_digest": digest,
    }


def export_random(config: dict, seed: int, out):
    model = Denoiser(config)
    modelfile.randomise(model, seed)
    digest = digest_of([config, {"random": seed}])
    described = metadata(config, DEFAULTS, [0.5, 6000.0], "CC0-1.0", ["none: random weights"], digest)
    modelfile.write(out, model.state_dict(), described)


def parse_stage(text: str) -> dict:
    """A stage from RECIPE.json:STEPS."""
    path, _, steps = text.rpartition(":")
    if not path or not steps.isdigit():
        raise ValueError(f"--stage {text}: write RECIPE.json:STEPS")
    return {"recipe": read_json(path), "steps": int(steps), "data": None, "code": []}


def lineage(state: dict, earlier: list[dict], data, sources) -> list[dict]:
    """Every stage behind a checkpoint, with digests of imagery and code."""
    stages = checkpoint_stages(state)
    if earlier and len(stages) > 1:
        raise ValueError("the checkpoint records its earlier stages; leave out --stage")
    stages = [*earlier, *stages]
    if any(stage["data"] is None for stage in stages):
        if data is None:
            raise ValueError("the checkpoint does not record its imagery; give --data")
        digest = data_digest(data, sources)
        stages = [{**stage, "data": stage["data"] or digest} for stage in stages]
    return [{**stage, "code": stage["code"] or [code_digest()]} for stage in stages]


def resolutions_of(stages: list[dict]) -> list[float]:
    octaves = [int(o) for stage in stages for o in stage["recipe"]["octave_weights"]]
    return [2.0 ** min(octaves), 2.0 ** max(octaves)]


def export_checkpoint(checkpoint, sources, data, defaults: dict, out, earlier=()):
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    stages = lineage(state, list(earlier), data, sources)
    described = metadata(state["config"], defaults, resolutions_of(stages), LICENCE, credits(data, sources),
                         digest_of([state["config"], stages]))
    described["stages"] = [
        {"steps": s["steps"], "recipe_digest": digest_of(s["recipe"]), "data_digest": s["data"],
         "code_digests": s["code"]}
        for s in stages
    ]
    modelfile.write(out, state["ema"], described)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", nargs="?")
    parser.add_argument("out")
    parser.add_argument("--random", type=int, metavar="SEED")
    parser.add_argument("--config", default=HERE / "configs/tiny.json", help="for --random")
    parser.add_argument("--sources", default=HERE / "configs/sources.json")
    parser.add_argument("--data", help="the imagery trained on, where the checkpoint does not record its digest")
    parser.add_argument("--stage", action="append", default=[], metavar="RECIPE.json:STEPS",
                        help="an earlier stage that the checkpoint does not record; oldest first")
    parser.add_argument("--sampler", default=DEFAULTS["sampler"], choices=["ddim", "dpm++"])
    parser.add_argument("--steps", type=int, default=DEFAULTS["steps"])
    parser.add_argument("--spacing", default="t", choices=["t", "logsnr"], help="how the steps are spread")
    parser.add_argument("--degradation", type=float, nargs="+", default=[DEFAULTS["degradation"]],
                        help="strength asked for; several numbers: one per level, the last for all deeper ones")
    arguments = parser.parse_args(argv)
    if arguments.random is not None:
        export_random(read_json(arguments.config), arguments.random, arguments.out)
        return
    if not arguments.checkpoint:
        parser.error("give a checkpoint, or --random SEED")
    strengths = arguments.degradation
    defaults = {"sampler": arguments.sampler, "steps": arguments.steps, "spacing": arguments.spacing,
                "degradation": strengths[0] if len(strengths) == 1 else strengths}
    try:
        earlier = [parse_stage(text) for text in arguments.stage]
        export_checkpoint(arguments.checkpoint, arguments.sources, arguments.data, defaults, arguments.out, earlier)
    except ValueError as error:
        raise SystemExit(f"tessera_train.export: {error}") from error


if __name__ == "__main__":
    main()
