"""Train a denoiser.

    python -m tessera_train.train --data DIR --out DIR [--minutes M | --steps N] [--resume]
    torchrun --nproc-per-node 2 -m tessera_train.train --threads 1 …

DIR of --data holds pictures, one sub-folder per source, or shards (tessera_train.dataset). Under torchrun every process
takes its share of the crops of each batch, on its own GPU where there is one, and the losses are those of one process.
SIGTERM and SIGINT write a checkpoint; the exit code is then 3, and --resume goes on.
"""

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path

import torch

from .data import make_sampler
from .dataset import data_digest
from .journal import Log, Sheets, tensorboard
from .loader import BackgroundBatches
from .trainer import Trainer

HERE = Path(__file__).resolve().parent.parent
INTERRUPTED = 3


def read_json(path) -> dict:
    with open(path) as file:
        return json.load(file)


class Stop:
    """Catches SIGTERM and SIGINT while in use; `asked` says whether one came. A second SIGINT interrupts at once."""

    def __init__(self):
        self.asked = False

    def __enter__(self):
        self.before = {number: signal.signal(number, self.note) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def note(self, number, frame):
        if self.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.asked = True

    def __exit__(self, *_):
        for number, handler in self.before.items():
            signal.signal(number, handler)


def prepare(arguments) -> Trainer:
    checkpoint = Path(arguments.out) / "checkpoint.pt"
    if arguments.resume:
        if not checkpoint.is_file():
            raise ValueError(f"{checkpoint} is not there; leave out --resume to begin")
        trainer = Trainer.load(checkpoint, arguments.device, arguments.compile)
    else:
        trainer = Trainer(read_json(arguments.config), read_json(arguments.recipe), arguments.device, arguments.compile)
        if arguments.init:
            trainer.begin_from(Path(arguments.init))
    digest = data_digest(arguments.data, arguments.sources)
    if trainer.data not in (None, digest):
        raise ValueError(f"{arguments.data} is not the imagery that {checkpoint} was trained on so far")
    trainer.data = digest
    return trainer


class Foreground:
    """Batches made when they are asked for."""

    def __init__(self, root, recipe, sources, first_step: int, share):
        self.sampler, self.step, self.share = make_sampler(root, recipe, sources), first_step, share

    def __next__(self):
        self.step += 1
        return self.sampler.batch(self.step - 1, *self.share)

    def close(self):
        pass


def run(arguments) -> tuple[Trainer, bool]:
    """Train until the budget is spent; returns the trainer and whether a signal stopped it before."""
    out = Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    trainer = prepare(arguments)
    share = (trainer.group.rank, trainer.group.size)
    data = (arguments.data, trainer.recipe, arguments.sources, trainer.step)
    with Stop() as stop:
        batches = BackgroundBatches(*data, arguments.workers, share) if arguments.workers else Foreground(*data, share)
        try:
            interrupted = loop(arguments, trainer, batches, stop, out)
        finally:
            batches.close()
    return trainer, interrupted


def loop(arguments, trainer: Trainer, batches, stop: Stop, out: Path) -> bool:
    """Take steps until the budget is spent or, which it returns, a signal came."""
    group = trainer.group
    first = group.rank == 0
    board = tensorboard(out / "tensorboard") if arguments.tensorboard and first else None
    log = Log(out / "log.csv" if first else os.devnull, append=arguments.resume and first, board=board)
    sheets = Sheets(out / "sheets", max(b["size"] for b in trainer.recipe["batches"]))
    budget = arguments.minutes * 60 if arguments.minutes else None
    before, saved = trainer.elapsed, time.monotonic()
    started, interrupted = None, False
    while True:
        progress = group.agree(trainer.elapsed / budget) if budget else trainer.step / arguments.steps
        if progress >= 1 or (arguments.stop and trainer.step >= arguments.stop):
            break
        interrupted = group.any(stop.asked)
        if interrupted:
            break
        batch = next(batches)
        started = started or time.monotonic()
        losses, norm = trainer.update(batch, progress)
        trainer.elapsed = before + time.monotonic() - started
        octaves = torch.from_numpy(batch.share(group.rank, group.size).octave).to(trainer.device)
        log.add(group.gather(octaves).cpu().numpy(), batch.target.shape[2], losses, norm)
        if first and trainer.step % arguments.log_every == 0:
            log.write(trainer.step, trainer.elapsed, trainer.rate(progress))
        if first and arguments.sheets_every:
            sheets.see(batch)
            if trainer.step % arguments.sheets_every == 0:
                sheets.write(trainer)
        if first and time.monotonic() - saved > arguments.save_every:
            trainer.save(out / "checkpoint.pt")
            saved = time.monotonic()
    if first:
        trainer.save(out / "checkpoint.pt")
    group.barrier()
    return interrupted


def parse(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default=HERE / "configs/tiny.json")
    parser.add_argument("--recipe", default=HERE / "configs/recipe-tiny.json")
    parser.add_argument("--sources", default=HERE / "configs/sources.json", help="manifest of the pictures")
    parser.add_argument("--data", required=True, help="folder with one sub-folder per source, or of shards")
    parser.add_argument("--out", required=True, help="folder of the checkpoint, the log and the sheets")
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument("--minutes", type=float, help="wall-clock budget; the rate decays over it")
    budget.add_argument("--steps", type=int, help="step budget; the rate decays over it")
    parser.add_argument("--stop", type=int, help="stop early at this step, without changing the decay")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--init", help="checkpoint of an earlier stage: begin from its weights")
    parser.add_argument("--device", default="auto", help="auto: this process's GPU, else the CPU")
    parser.add_argument("--compile", action="store_true", help="torch.compile the network")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads of a process")
    parser.add_argument("--workers", type=int, default=1, help="background processes that make batches; 0: none")
    parser.add_argument("--log-every", type=int, default=50, help="steps between rows of the log")
    parser.add_argument("--sheets-every", type=int, default=0, help="steps between sheets of samples; 0: none")
    parser.add_argument("--tensorboard", action="store_true", help="also write what the CSV log holds for TensorBoard")
    parser.add_argument("--save-every", type=float, default=300, help="seconds between checkpoints")
    return parser.parse_args(argv)


def main(argv=None) -> Trainer:
    arguments = parse(argv)
    torch.set_num_threads(arguments.threads)
    try:
        trainer, interrupted = run(arguments)
    except ValueError as error:
        raise SystemExit(f"tessera_train.train: {error}") from error
    if interrupted:
        checkpoint = Path(arguments.out) / "checkpoint.pt"
        print(f"interrupted at step {trainer.step}; --resume goes on from {checkpoint}", file=sys.stderr)
        raise SystemExit(INTERRUPTED)
    return trainer


if __name__ == "__main__":
    main()
