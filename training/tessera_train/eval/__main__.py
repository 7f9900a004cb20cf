"""Measure a model file on held-out imagery.

    python -m tessera_train.eval MODEL.safetensors --data IMAGERY --out DIR [--only NAME …] [--scale 0.2]
    python -m tessera_train.eval --collect DIR --page docs/results.md

IMAGERY holds `heldout`, on which everything is reported, and `train`, on which strengths are chosen. Each
experiment writes DIR/NAME.json and pictures DIR/results-*. The second form merges the numbers into results.json beside
the page, copies the pictures to images/ beside it, and fills the page's tables.
"""

import argparse
import time
from pathlib import Path

import torch

from ..train import HERE
from . import ablations, calls, degradation, downstream, lattices, levels, octaves, tables
from .bench import Bench, write
from .generator import Settings

EXPERIMENTS = {
    "octaves": octaves.run, "calls": calls.run, "strengths": levels.choose, "levels": levels.run,
    "cascade": ablations.run_cascade, "guidance": ablations.run_guidance, "noise": lattices.run_noise,
    "margins": lattices.run_margins, "downstream": downstream.run, "degradation": degradation.run,
}


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?")
    parser.add_argument("--data", type=Path, help="a folder with `heldout` and `train`")
    parser.add_argument("--heldout-sources", default=HERE / "configs/heldout.json", type=Path)
    parser.add_argument("--tuning-sources", default=HERE / "configs/sources.json", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only", nargs="+", choices=EXPERIMENTS, default=list(EXPERIMENTS))
    parser.add_argument("--settings", type=Settings.parse, help="as dpm++:10:logsnr; the model's own by default")
    parser.add_argument("--strengths", type=float, nargs="+", help="per level; the model's own by default")
    parser.add_argument("--scale", type=float, default=1.0, help="sample sizes, relative to those of the page")
    parser.add_argument("--inception", help="state dict of torchvision's inception_v3, for official distances")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--collect", type=Path, metavar="DIR")
    parser.add_argument("--page", type=Path)
    a = parser.parse_args(argv)
    if a.collect:
        if not a.page:
            parser.error("--collect needs --page")
        tables.collect(a.collect, a.page.with_suffix(".json"), a.page.parent / "images")
        tables.fill(a.page.with_suffix(".json"), a.page)
        return
    if not (a.model and a.data and a.out):
        parser.error("give MODEL, --data and --out, or --collect and --page")
    torch.set_num_threads(a.threads)
    bench = Bench(a.model, a.data / "heldout", a.data / "train", a.heldout_sources, a.tuning_sources, a.out,
                  a.settings, tuple(a.strengths) if a.strengths else None, a.scale, a.inception)
    a.out.mkdir(parents=True, exist_ok=True)
    for name in a.only:
        started = time.monotonic()
        write(bench, name, EXPERIMENTS[name](bench))
        print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
