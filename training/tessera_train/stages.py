"""Train in stages, each from the weights of the one before, and export the last.

    python -m tessera_train.stages --data DIR --out DIR [--stages configs/tiny-stages.json]

A stage has a recipe and `steps`, over which the rate decays; one with `stop` ends early. The same command
again goes on where it was interrupted. OUT/NAME.safetensors is the model file.
"""

import argparse
from pathlib import Path

import torch

from . import export, train


def finished(checkpoint: Path, recipe: dict, config: dict, steps: int) -> bool:
    """Whether a stage's checkpoint is there and complete; raises ValueError where another recipe made it."""
    if not checkpoint.is_file():
        return False
    state = torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)
    if state["recipe"] != recipe or state["config"] != {**config, "prediction": recipe["prediction"]}:
        raise ValueError(f"{checkpoint} was made by another recipe or for another network; give another --out")
    return state["step"] >= steps


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Further options (--threads, --workers, --device, --sheets-every …) go to tessera_train.train.",
    )
    parser.add_argument("--stages", default=train.HERE / "configs/tiny-stages.json", type=Path)
    parser.add_argument("--sources", default=train.HERE / "configs/sources.json")
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True, type=Path)
    arguments, others = parser.parse_known_args(argv)
    try:
        print(run(arguments, others))
    except ValueError as error:
        raise SystemExit(f"tessera_train.stages: {error}") from error


def run(arguments, others: list[str]) -> Path:
    """Run every stage that is not finished; returns the model file."""
    plan, folder, before = train.read_json(arguments.stages), arguments.stages.resolve().parent, None
    config = train.read_json(folder / plan["config"])
    for number, stage in enumerate(plan["stages"], 1):
        out, recipe = arguments.out / f"stage-{number}", folder / stage["recipe"]
        checkpoint = out / "checkpoint.pt"
        stop = stage.get("stop", stage["steps"])
        known = (train.read_json(recipe), config, stop)
        if not finished(checkpoint, *known):
            beginning = ["--init", str(before)] if before else []
            train.main([
                "--config", str(folder / plan["config"]), "--recipe", str(recipe), "--sources", str(arguments.sources),
                "--data", str(arguments.data), "--out", str(out), "--steps", str(stage["steps"]),
                "--stop", str(stop),
                *(["--resume"] if checkpoint.is_file() else beginning), *others,
            ])
            if not finished(checkpoint, *known):
                raise SystemExit(train.INTERRUPTED)
        before = checkpoint
    path = arguments.out / f"{plan['name']}.safetensors"
    export.export_checkpoint(before, arguments.sources, arguments.data, plan["defaults"], path)
    return path


if __name__ == "__main__":
    main()
