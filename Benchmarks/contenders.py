"""Processes that run the same network, and the inputs that all of them get."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


class Contender:
    """A process that answers one line of JSON to each command; see bench-engine/Server.swift."""

    def __init__(self, name: str, command: list[str], threads: int):
        self.name = name
        limits = {key: str(threads) for key in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
        self.process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=os.environ | limits)
        self.profile = self.read()["profile"]

    def read(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended with status {self.process.wait()}")
        return json.loads(line)

    def send(self, *words):
        print(*words, file=self.process.stdin, flush=True)

    def ask(self, *words) -> dict:
        self.send(*words)
        return self.read()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def engine(program, model, kernel: str, threads: int) -> Contender:
    return Contender(f"tessera {kernel}", [program, "serve", model, kernel, threads], threads)


def peer(kind: str, model, threads: int) -> Contender:
    return Contender(kind, [sys.executable, HERE / "peer.py", kind, model, threads], threads)


def kernels(program, model) -> dict:
    """The kernels of this machine by precision, the fastest first."""
    offered = ["amx-split", "avx512", "avx2", "baseline"]
    found = json.loads(subprocess.run([program, "kernels", model], capture_output=True, text=True, check=True).stdout)
    return {"fp32": [k for k in offered if k in found], "bf16": [k for k in ["amx-bf16"] if k in found]}


def write_inputs(folder: Path, config: dict, window: int, batch: int) -> list:
    """Write one case's inputs; returns the words of the `prepare` command."""
    rng = np.random.Generator(np.random.Philox(key=[window, batch]))
    side = window // config["factor"]
    channels = config["image_channels"]
    values = {
        "coarse": np.clip(rng.standard_normal((batch, channels, side, side)) / 2, -1, 1),
        "image": rng.standard_normal((batch, channels, window, window)),
        "constants": rng.uniform(0, 1, (batch, len(config["scalars"]) - 1)) * [8.0, 0.6],
    }
    for name, array in values.items():
        array.astype(np.float32).tofile(folder / f"{name}.raw")
    return [window, batch, folder / "coarse.raw", folder / "image.raw", folder / "constants.raw", 500]
