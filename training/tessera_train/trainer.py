"""The step of training: model, loss, optimiser, averages, checkpoint."""

import contextlib
import hashlib
import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn.parallel import DistributedDataParallel

from .data import Batch
from .diffusion import Schedule, ddim, estimates
from .group import Group, pick_device
from .model import Denoiser
from .recipe import validate

CODE = ("data.py", "dataset.py", "degrade.py", "diffusion.py", "imagery.py", "model.py", "trainer.py")


def code_digest() -> str:
    """SHA-256 over the code that the weights follow from."""
    digest = hashlib.sha256()
    for name in CODE:
        digest.update((Path(__file__).parent / name).read_bytes())
    return digest.hexdigest()


@dataclass
class Draws:
    """What chance decides for the crops of a process."""

    t: torch.Tensor
    noise: torch.Tensor
    own: torch.Tensor | None  # (n,) in [0, 1): whether a condition passes through the network itself
    own_noise: torch.Tensor | None


class Trainer:
    """Model, optimiser, EMA and step counter; every random draw is a function of (seed, step)."""

    def __init__(self, config: dict, recipe: dict, device: str = "cpu", compile: bool = False):
        self.config, self.recipe = {**config, "prediction": recipe["prediction"]}, recipe
        validate(recipe, self.config)
        self.device = pick_device(device)
        self.group = Group(self.device)
        fast = recipe["precision"] != "float32"
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = fast
        torch.manual_seed(recipe["seed"])
        self.model = Denoiser(self.config).to(self.device, memory_format=torch.channels_last)
        self.network = torch.compile(self.model) if compile else self.model
        self.parallel = None
        self.ema = {k: v.detach().clone().float() for k, v in self.model.state_dict().items()}
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(), lr=recipe["learning_rate"], betas=tuple(recipe["betas"]),
            weight_decay=recipe["weight_decay"], fused=True,
        )
        schedule = Schedule.from_config(self.config["schedule"])
        self.schedule = schedule
        self.alpha_bar = torch.tensor(schedule.alpha_bar, dtype=torch.float32, device=self.device)
        self.step = 0
        self.elapsed = 0.0
        self.earlier = []  # stages that the first weights came from
        self.data = None  # digest of the imagery
        self.code = [code_digest()]  # of every version that took part

    def rate(self, progress: float) -> float:
        """Learning rate: warm-up by steps, decay by the progress of the budget in [0, 1]."""
        r = self.recipe
        progress = min(max(progress, 0.0), 1.0)
        shape = 1 - progress if r["decay"] == "linear" else 0.5 * (1 + math.cos(math.pi * progress))
        scale = r["final_rate"] + (1 - r["final_rate"]) * shape
        return r["learning_rate"] * scale * min(1.0, (self.step + 1) / r["warmup"])

    def place(self, array: np.ndarray) -> torch.Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(array))
        if self.device.type == "cuda":
            tensor = tensor.pin_memory()
        return tensor.to(self.device, non_blocking=True)

    def draws(self, batch: Batch) -> Draws:
        """Draw for the whole step and keep the crops of `batch`, so that the number of processes plays no part."""
        n, rows = batch.count, torch.from_numpy(batch.rows)
        generator = torch.Generator().manual_seed((self.recipe["seed"] << 32) + batch.step)
        strata = (torch.randperm(n, generator=generator) + torch.rand(n, generator=generator)) / n
        t = (strata * len(self.alpha_bar)).long().clamp(max=len(self.alpha_bar) - 1)
        noise = torch.randn((n, *batch.target.shape[1:]), generator=generator)
        own, own_noise = None, None
        if "own" in self.recipe and batch.coarse.shape[2] >= self.recipe["own"]["smallest"]:
            own = torch.rand(n, generator=generator)[rows]
            own_noise = torch.randn((n, *batch.coarse.shape[1:]), generator=generator)[rows]
        return Draws(t[rows], noise[rows], own, own_noise)

    def losses(self, batch: Batch) -> torch.Tensor:
        """Loss of each of this process's crops: MSE of v, or of ε with P2 weights (1 / (1 + SNR)^γ, k = 1)."""
        share = batch.share(self.group.rank, self.group.size)
        return self.part(share, self.draws(share), slice(None))

    def part(self, batch: Batch, draws: Draws, rows: slice) -> torch.Tensor:
        """Losses of some crops of this process's share."""
        t = self.place(draws.t[rows].numpy())
        noise = self.place(draws.noise[rows].numpy())
        metres, strength = batch.metres[rows], batch.strength[rows]
        x0 = self.place(batch.target[rows]).float() / 127.5 - 1
        coarse = self.place(batch.coarse[rows]).float() / 127.5 - 1
        ab = self.alpha_bar[t][:, None, None, None]
        a, s = ab.sqrt(), (1 - ab).sqrt()
        if draws.own is not None:
            coarse = self.regenerate(coarse, metres, strength, draws.own[rows].numpy(), draws.own_noise[rows])
        network = self.network if self.parallel is None else self.parallel
        prediction = self.predict(a * x0 + s * noise, coarse, t, metres, strength, network)
        wanted = a * noise - s * x0 if self.recipe["prediction"] == "v" else noise
        loss = (prediction.float() - wanted).square().mean(dim=(1, 2, 3))
        if self.recipe["prediction"] == "epsilon" and self.recipe["p2_gamma"] > 0:
            loss = loss * (1 - self.alpha_bar[t]) ** self.recipe["p2_gamma"]
        return loss

    def predict(self, x, coarse, t, metres, strength, network=None) -> torch.Tensor:
        x, coarse = (v.contiguous(memory_format=torch.channels_last) for v in (x, coarse))
        bf16 = self.recipe["precision"] == "bf16"
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=bf16):
            return (self.network if network is None else network)(x, coarse, self.scalars(t, metres, strength))

    @torch.no_grad()
    def regenerate(self, coarse, metres, strength, draw, noise) -> torch.Tensor:
        """Pass some conditions through the network itself, as a cascade will: noise one to timestep reach·u·T,
        denoise it in a few DDIM calls on its own ×4 average, round it to 8 bits. u stays its label."""
        own = self.recipe["own"]
        chosen = np.flatnonzero((draw < own["share"]) & (strength > 0))
        if len(chosen) == 0:
            return coarse
        images = coarse[chosen]
        condition = torch.nn.functional.avg_pool2d(images, 4)
        last = len(self.alpha_bar) - 1
        start = torch.from_numpy(own["reach"] * strength[chosen]).to(self.device) * len(self.alpha_bar)
        t = [(start * (1 - i / own["calls"])).long().clamp(max=last) for i in range(own["calls"])]
        level = [self.alpha_bar[v][:, None, None, None] for v in t]
        x = level[0].sqrt() * images + (1 - level[0]).sqrt() * noise[chosen].to(self.device)
        for i, now in enumerate(level):
            prediction = self.predict(x, condition, t[i], 4 * metres[chosen], strength[chosen]).float()
            clean, epsilon = estimates(x, prediction, now, self.recipe["prediction"])
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
        """One optimiser step; returns the losses of all the step's crops and the gradient norm.

        The step's crops go through the network in `accumulate` parts of every process's share.
        """
        if batch.step != self.step:
            raise ValueError(f"batch of step {batch.step} given at step {self.step}")
        parts, size = self.recipe.get("accumulate", 1), self.group.size
        if batch.count % (parts * size):
            raise ValueError(f"{batch.count} crops do not divide into {parts} parts in each of {size} processes")
        if size > 1 and self.parallel is None:
            devices = [self.device.index] if self.device.type == "cuda" else None
            self.parallel = DistributedDataParallel(self.network, device_ids=devices, gradient_as_bucket_view=True)
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate(progress)
        share = batch.share(self.group.rank, size)
        draws, losses = self.draws(share), []
        self.optimiser.zero_grad(set_to_none=True)
        for i in range(parts):
            waiting = self.parallel is not None and i + 1 < parts
            with self.parallel.no_sync() if waiting else contextlib.nullcontext():
                part = self.part(share, draws, slice(i, None, parts))
                (part.sum() * (size / batch.count)).backward()  # DDP averages over the processes
            losses.append(part.detach())
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe["clip"])
        if torch.isfinite(norm):
            self.optimiser.step()
        self.step += 1
        decay = min(self.recipe["ema"], (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            values = self.model.state_dict()
            torch._foreach_lerp_([self.ema[k] for k in self.ema], [values[k].float() for k in self.ema], 1 - decay)
        return self.group.gather(torch.stack(losses, dim=1).flatten()).cpu().numpy(), float(norm)

    @torch.no_grad()
    def sample(self, coarse: np.ndarray, metres: np.ndarray, strength: np.ndarray, steps: int = 12) -> np.ndarray:
        """Generate from the averaged weights by DDIM; coarse (N, 3, h, w) and the result (N, 3, 4h, 4w) uint8."""
        n, _, h, w = coarse.shape
        condition = self.place(coarse).float() / 127.5 - 1
        noise = torch.randn((n, 3, 4 * h, 4 * w), generator=torch.Generator().manual_seed(0)).to(self.device)

        def network(*arguments):
            return torch.func.functional_call(self.model, self.ema, arguments)

        def predict(x, t):
            now = torch.full((n,), t, device=self.device)
            return self.predict(x, condition, now, metres, strength, network).float()

        clean = ddim(self.schedule, predict, noise, steps, self.recipe["prediction"])
        return (clean * 127.5 + 127.5).clamp(0, 255).add(0.5).floor().to(torch.uint8).cpu().numpy()

    def stages(self) -> list[dict]:
        """What made these weights, oldest stage first."""
        return [*self.earlier, {"recipe": self.recipe, "steps": self.step, "data": self.data, "code": self.code}]

    def save(self, path: Path):
        """Write a checkpoint atomically."""
        state = {
            "config": self.config, "recipe": self.recipe, "step": self.step, "elapsed": self.elapsed,
            "model": self.model.state_dict(), "ema": self.ema, "optimiser": self.optimiser.state_dict(),
            "torch_rng": torch.get_rng_state(), "stages": self.stages(),
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
        self.earlier = checkpoint_stages(state)

    @staticmethod
    def load(path: Path, device: str = "cpu", compile: bool = False) -> "Trainer":
        """Read a checkpoint; training goes on exactly as if it had not stopped."""
        state = torch.load(path, map_location="cpu", weights_only=True)
        trainer = Trainer(state["config"], state["recipe"], device, compile)
        trainer.model.load_state_dict(state["model"])
        for name, value in state["ema"].items():
            trainer.ema[name].copy_(value)
        trainer.optimiser.load_state_dict(state["optimiser"])
        trainer.step, trainer.elapsed = state["step"], state["elapsed"]
        *trainer.earlier, this = checkpoint_stages(state)
        trainer.data = this["data"]
        trainer.code = this["code"] + [c for c in trainer.code if c not in this["code"]]
        torch.set_rng_state(state["torch_rng"])
        return trainer


def checkpoint_stages(state: dict) -> list[dict]:
    """The stages that a checkpoint records; one of before there was such a record knows only its own."""
    return state.get("stages") or [{"recipe": state["recipe"], "steps": state["step"], "data": None, "code": []}]
