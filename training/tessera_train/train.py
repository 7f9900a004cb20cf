"""Train a denoiser.

    python -m tessera_train.train --data DIR --out DIR [--minutes M | --steps N] [--resume]
    torchrun --nproc-per-node 2 -m tessera_train.train --threads 1 …

Under torchrun every process takes its share of the crops of each batch and the gradients are summed, so
that the losses are those of one process.
"""

import argparse
import csv
import json
import math
import os
import time
from pathlib import Path

import numpy as np
import torch
from torch import distributed

from .data import BackgroundBatches, Batch, make_sampler
from .diffusion import Schedule
from .model import Denoiser

HERE = Path(__file__).resolve().parent.parent
OCTAVES = range(0, 13)


def read_json(path) -> dict:
    with open(path) as file:
        return json.load(file)


class Group:
    """The processes of a run; one alone where torchrun did not start it."""

    def __init__(self):
        self.rank, self.size = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
        if self.size > 1 and not distributed.is_initialized():
            distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")

    def sum(self, tensors: list[torch.Tensor]):
        """Replace the tensors by their sums over all processes."""
        if self.size == 1:
            return
        flat = torch._utils._flatten_dense_tensors(tensors)
        distributed.all_reduce(flat)
        parts = torch._utils._unflatten_dense_tensors(flat, tensors)
        torch._foreach_copy_(tensors, list(parts))

    def gather(self, values: torch.Tensor) -> torch.Tensor:
        """Interleave the equally long values of all processes."""
        if self.size == 1:
            return values
        parts = [torch.empty_like(values) for _ in range(self.size)]
        distributed.all_gather(parts, values.contiguous())
        return torch.stack(parts, dim=1).flatten()

    def agree(self, value: float) -> float:
        """The first process's value."""
        if self.size == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64)
        distributed.broadcast(shared, 0)
        return float(shared)


class Trainer:
    """Model, optimiser, EMA and step counter; every random draw is a function of (seed, step)."""

    def __init__(self, config: dict, recipe: dict, device: str = "cpu"):
        self.config, self.recipe = {**config, "prediction": recipe["prediction"]}, recipe
        self.device = torch.device(device)
        self.group = Group()
        torch.manual_seed(recipe["seed"])
        self.model = Denoiser(self.config).to(self.device, memory_format=torch.channels_last)
        self.ema = {k: v.detach().clone().float() for k, v in self.model.state_dict().items()}
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(), lr=recipe["learning_rate"], betas=tuple(recipe["betas"]),
            weight_decay=recipe["weight_decay"], fused=True,
        )
        schedule = Schedule.from_config(self.config["schedule"])
        self.alpha_bar = torch.tensor(schedule.alpha_bar, dtype=torch.float32, device=self.device)
        self.step = 0
        self.elapsed = 0.0

    def rate(self, progress: float) -> float:
        """Learning rate: warm-up by steps, decay by the progress of the budget in [0, 1]."""
        r = self.recipe
        progress = min(max(progress, 0.0), 1.0)
        shape = 1 - progress if r["decay"] == "linear" else 0.5 * (1 + math.cos(math.pi * progress))
        scale = r["final_rate"] + (1 - r["final_rate"]) * shape
        return r["learning_rate"] * scale * min(1.0, (self.step + 1) / r["warmup"])

    def losses(self, batch: Batch) -> torch.Tensor:
        """Loss of each of this process's crops: MSE of v, or of ε with P2 weights (1 / (1 + SNR)^γ, k = 1)."""
        n = len(batch.metres)
        if n % self.group.size:
            raise ValueError(f"{n} crops do not divide among {self.group.size} processes")
        mine = slice(self.group.rank, None, self.group.size)
        generator = torch.Generator().manual_seed((self.recipe["seed"] << 32) + batch.step)
        strata = (torch.randperm(n, generator=generator) + torch.rand(n, generator=generator)) / n
        t = (strata * len(self.alpha_bar)).long().clamp(max=len(self.alpha_bar) - 1)[mine].to(self.device)
        noise = torch.randn(batch.target.shape, generator=generator)[mine].to(self.device)
        x0 = torch.from_numpy(batch.target[mine]).to(self.device).float() / 127.5 - 1
        coarse = torch.from_numpy(batch.coarse[mine]).to(self.device).float() / 127.5 - 1
        ab = self.alpha_bar[t][:, None, None, None]
        a, s = ab.sqrt(), (1 - ab).sqrt()
        x = (a * x0 + s * noise).contiguous(memory_format=torch.channels_last)
        coarse = self.regenerate(coarse, batch.metres[mine], batch.strength[mine], generator)
        prediction = self.predict(x, coarse, t, batch.metres[mine], batch.strength[mine])
        wanted = a * noise - s * x0 if self.recipe["prediction"] == "v" else noise
        loss = (prediction.float() - wanted).square().mean(dim=(1, 2, 3))
        if self.recipe["prediction"] == "epsilon" and self.recipe["p2_gamma"] > 0:
            loss = loss * (1 - self.alpha_bar[t]) ** self.recipe["p2_gamma"]
        return loss

    def predict(self, x, coarse, t, metres, strength) -> torch.Tensor:
        x, coarse = (v.contiguous(memory_format=torch.channels_last) for v in (x, coarse))
        bf16 = self.recipe["precision"] == "bf16"
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=bf16):
            return self.model(x, coarse, self.scalars(t, metres, strength))

    @torch.no_grad()
    def regenerate(self, coarse, metres, strength, generator) -> torch.Tensor:
        """Pass some conditions through the network itself, as a cascade will: noise one to timestep reach·u·T,
        denoise it in a few DDIM calls on its own ×4 average, round it to 8 bits. u stays its label."""
        own = self.recipe.get("own")
        if own is None or coarse.shape[2] < own["smallest"]:
            return coarse
        draw = torch.rand(len(strength), generator=generator).numpy()
        chosen = np.flatnonzero((draw < own["share"]) & (strength > 0))
        noise = torch.randn(coarse.shape, generator=generator)
        if len(chosen) == 0:
            return coarse
        images = coarse[chosen]
        condition = torch.nn.functional.avg_pool2d(images, 4)
        start = torch.from_numpy(own["reach"] * strength[chosen]).to(self.device) * len(self.alpha_bar)
        t = [(start * (1 - i / own["calls"])).long() for i in range(own["calls"])]
        level = [self.alpha_bar[v][:, None, None, None] for v in t]
        x = level[0].sqrt() * images + (1 - level[0]).sqrt() * noise[chosen].to(self.device)
        for i, now in enumerate(level):
            v = self.predict(x, condition, t[i], 4 * metres[chosen], strength[chosen]).float()
            clean, epsilon = now.sqrt() * x - (1 - now).sqrt() * v, (1 - now).sqrt() * x + now.sqrt() * v
            after = level[i + 1] if i + 1 < len(level) else torch.ones_like(now)
            x = after.sqrt() * clean + (1 - after).sqrt() * epsilon
        result = coarse.clone()
        result[chosen] = ((x.clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1
        return result

    def scalars(self, t, metres, strength) -> torch.Tensor:
        values = {
            "timestep": t.float(),
            "log2_resolution": torch.from_numpy(np.log2(metres)).to(self.device),
            "degradation": torch.from_numpy(strength).to(self.device),
        }
        return torch.stack([values[spec["name"]] for spec in self.config["scalars"]], dim=1)

    def update(self, batch: Batch, progress: float) -> tuple[np.ndarray, float]:
        """One optimiser step; returns the losses of the crops and the gradient norm."""
        if batch.step != self.step:
            raise ValueError(f"batch of step {batch.step} given at step {self.step}")
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate(progress)
        losses = self.losses(batch)
        self.optimiser.zero_grad(set_to_none=True)
        (losses.sum() / len(batch.metres)).backward()
        self.group.sum([p.grad for p in self.model.parameters()])
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe["clip"])
        if torch.isfinite(norm):
            self.optimiser.step()
        self.step += 1
        decay = min(self.recipe["ema"], (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            values = self.model.state_dict()
            torch._foreach_lerp_([self.ema[k] for k in self.ema], [values[k].float() for k in self.ema], 1 - decay)
        return self.group.gather(losses.detach()).cpu().numpy(), float(norm)

    def save(self, path: Path):
        """Write a checkpoint atomically."""
        state = {
            "config": self.config, "recipe": self.recipe, "step": self.step, "elapsed": self.elapsed,
            "model": self.model.state_dict(), "ema": self.ema, "optimiser": self.optimiser.state_dict(),
            "torch_rng": torch.get_rng_state(),
        }
        temporary = path.with_suffix(".partial")
        with open(temporary, "wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)

    def begin_from(self, path: Path):
        """Take weights and averages of another run's checkpoint; steps and optimiser begin anew."""
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.ema = state["ema"]

    @staticmethod
    def load(path: Path, device: str = "cpu") -> "Trainer":
        """Read a checkpoint; training goes on exactly as if it had not stopped."""
        state = torch.load(path, map_location=device, weights_only=True)
        trainer = Trainer(state["config"], state["recipe"], device)
        trainer.model.load_state_dict(state["model"])
        trainer.ema = state["ema"]
        trainer.optimiser.load_state_dict(state["optimiser"])
        trainer.step, trainer.elapsed = state["step"], state["elapsed"]
        torch.set_rng_state(state["torch_rng"].cpu())
        return trainer


class Log:
    """CSV rows: mean loss since the last row, in all and by octave of resolution."""

    def __init__(self, path: Path, append: bool):
        self.file = open(path, "a" if append else "w", newline="")
        self.writer = csv.writer(self.file)
        if not append:
            self.writer.writerow(
                ["step", "seconds", "loss", "rate", "norm", "crops64_per_s"] + [f"loss_2^{o}m" for o in OCTAVES]
            )
        self.reset()

    def reset(self):
        self.started, self.area, self.norms, self.all = time.monotonic(), 0.0, [], []
        self.bands = {o: [] for o in OCTAVES}

    def add(self, batch: Batch, losses, norm):
        self.all.extend(losses)
        self.norms.append(norm)
        self.area += batch.target.shape[0] * batch.target.shape[2] ** 2 / 64**2
        for o, loss in zip(batch.octave, losses):
            if int(o) in self.bands:
                self.bands[int(o)].append(loss)

    def write(self, step, elapsed, rate):
        speed = self.area / (time.monotonic() - self.started)
        bands = [f"{np.mean(v):.5f}" if v else "" for v in self.bands.values()]
        row = [str(step), f"{elapsed:.0f}", f"{np.mean(self.all):.5f}", f"{rate:.2e}", f"{np.mean(self.norms):.3f}"]
        self.writer.writerow(row + [f"{speed:.1f}"] + bands)
        self.file.flush()
        print(" ".join(row), f"{speed:.1f}/s", flush=True)
        self.reset()


def run(arguments):
    out = Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    checkpoint = out / "checkpoint.pt"
    if arguments.resume:
        trainer = Trainer.load(checkpoint, arguments.device)
    else:
        trainer = Trainer(read_json(arguments.config), read_json(arguments.recipe), arguments.device)
        if arguments.init:
            trainer.begin_from(Path(arguments.init))
    group = trainer.group
    first = group.rank == 0
    log = Log(out / "log.csv" if first else os.devnull, append=arguments.resume and first)
    if arguments.background:
        batches = BackgroundBatches(arguments.data, trainer.recipe, arguments.sources, trainer.step)
    else:
        sampler = make_sampler(arguments.data, trainer.recipe, arguments.sources)
        batches = (sampler.batch(step) for step in range(trainer.step, 1 << 62))
    budget = arguments.minutes * 60 if arguments.minutes else None
    before, saved = trainer.elapsed, time.monotonic()
    started = None
    while True:
        progress = group.agree(trainer.elapsed / budget) if budget else trainer.step / arguments.steps
        if progress >= 1 or (arguments.stop and trainer.step >= arguments.stop):
            break
        batch = next(batches)
        started = started or time.monotonic()
        losses, norm = trainer.update(batch, progress)
        trainer.elapsed = before + time.monotonic() - started
        log.add(batch, losses, norm)
        if first and trainer.step % arguments.log_every == 0:
            log.write(trainer.step, trainer.elapsed, trainer.rate(progress))
        if first and time.monotonic() - saved > arguments.save_every:
            trainer.save(checkpoint)
            saved = time.monotonic()
    if first:
        trainer.save(checkpoint)
    if arguments.background:
        batches.close()
    return trainer


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", default=HERE / "configs/tiny.json")
    parser.add_argument("--recipe", default=HERE / "configs/recipe-tiny.json")
    parser.add_argument("--sources", default=HERE / "configs/sources.json")
    parser.add_argument("--data", required=True, help="folder with one sub-folder per source")
    parser.add_argument("--out", required=True, help="folder of the checkpoint and the log")
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument("--minutes", type=float, help="wall-clock budget; the rate decays over it")
    budget.add_argument("--steps", type=int, help="step budget; the rate decays over it")
    parser.add_argument("--stop", type=int, help="stop early at this step, without changing the decay")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--init", help="checkpoint of an earlier stage: begin from its weights")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--log-every", type=int, default=50)
    parser.add_argument("--save-every", type=float, default=300, help="seconds between checkpoints")
    parser.add_argument("--foreground", dest="background", action="store_false")
    arguments = parser.parse_args(argv)
    torch.set_num_threads(arguments.threads)
    return run(arguments)


if __name__ == "__main__":
    main()
