"""PyTorch or ONNX Runtime as a process that answers the commands of bench-engine's server, see Server.swift.

    python peer.py KIND MODEL.safetensors THREADS

KIND: torch-fp32, torch-fp32-last (channels last), torch-bf16, torch-bf16-last (autocast), torch-compile, onnx.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

kind, path, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
sys.path.insert(0, str(Path(__file__).parent.parent / "training"))
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what libraries print must not mix with the answers


def raw(file, *shape):
    return np.fromfile(file, np.float32).reshape(shape)


class Torch:
    def __init__(self):
        import torch

        from tessera_train import modelfile

        torch.set_num_threads(threads)
        self.torch = torch
        self.model, self.config = modelfile.read(path)
        self.last = kind.endswith("-last") or kind == "torch-compile"
        self.dtype = torch.bfloat16 if "bf16" in kind else None
        if self.last:
            self.model = self.model.to(memory_format=torch.channels_last)
        self.denoise = torch.compile(self.model.denoise) if kind == "torch-compile" else self.model.denoise

    def layout(self, array):
        tensor = self.torch.from_numpy(array)
        return tensor.contiguous(memory_format=self.torch.channels_last) if self.last else tensor

    def context(self):
        return self.torch.autocast("cpu", self.dtype, enabled=self.dtype is not None)

    def prepare(self, coarse, image, scalars):
        with self.torch.inference_mode(), self.context():
            self.features = self.model.encode(self.layout(coarse))
        self.image, self.scalars = self.layout(image), self.torch.from_numpy(scalars)
        self.step()

    def step(self):
        with self.torch.inference_mode(), self.context():
            self.result = self.denoise(self.image, self.features, self.scalars)

    def output(self):
        return self.result.float().contiguous().numpy()

    def window(self, condition, noise, scalars, name, steps):
        """The whole trajectory: encode once, then the sampler; returns the core's pixels."""
        from tessera_train.diffusion import SAMPLERS, Schedule

        scale, offset = self.config["normalisation"]["scale"], self.config["normalisation"]["offset"]
        side = self.config["window"]
        margin = self.config["margin"]
        coarse = ((condition.astype(np.float64) - offset) / scale).astype(np.float32).transpose(2, 0, 1)[None]
        with self.torch.inference_mode(), self.context():
            features = self.model.encode(self.layout(np.ascontiguousarray(coarse)))

            def predict(x, timestep):
                scalars[0, self.timestep()] = timestep
                return self.denoise(x, features, self.torch.from_numpy(scalars)).float()

            start = self.layout(noise.reshape(1, 3, side, side))
            schedule = Schedule.from_config(self.config["schedule"])
            x = SAMPLERS[name](schedule, predict, start, steps, self.config["prediction"])
        values = x[0, :, margin:side - margin, margin:side - margin].double().numpy() * scale + offset
        return np.clip(np.floor(values + 0.5), 0, 255).astype(np.uint8).transpose(1, 2, 0)

    def timestep(self):
        return [scalar["name"] for scalar in self.config["scalars"]].index("timestep")


class ONNX:
    def __init__(self):
        import onnxruntime

        from tessera_train import modelfile

        self.config = modelfile.read_metadata(path)
        self.folder = tempfile.TemporaryDirectory()
        export(self.folder.name)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        self.encoder, self.denoiser = (
            onnxruntime.InferenceSession(f"{self.folder.name}/{name}.onnx", options, ["CPUExecutionProvider"])
            for name in ("encoder", "denoiser")
        )

    def prepare(self, coarse, image, scalars):
        (features,) = self.encoder.run(None, {"coarse": coarse})
        self.inputs = {"image": image, "features": features, "scalars": scalars}
        self.step()

    def step(self):
        (self.result,) = self.denoiser.run(None, self.inputs)

    def output(self):
        return self.result


def export(folder):
    """Export in another process, so that PyTorch's memory does not count here."""
    import subprocess

    training = Path(__file__).resolve().parent.parent / "training"
    command = [sys.executable, "-m", "tessera_train.onnx_export", str(Path(path).resolve()), folder]
    subprocess.run(command, check=True, cwd=training, stdout=2)


def constants_index(config):
    return [i for i, scalar in enumerate(config["scalars"]) if scalar["name"] != "timestep"]


def peak():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def scalars_of(config, count, constants, timestep):
    scalars = np.full((count, len(config["scalars"])), np.float32(timestep))
    scalars[:, constants_index(config)] = constants
    return scalars


def measured(body):
    wall, cpu = time.monotonic(), time.process_time()
    body()
    return {"wall": time.monotonic() - wall, "cpu": time.process_time() - cpu}


def answer(peer, command, words):
    config = peer.config
    channels, known = config["image_channels"], len(config["scalars"]) - 1
    if command == "prepare":
        side, count = int(words[0]), int(words[1])
        coarse = raw(words[2], count, channels, side // config["factor"], side // config["factor"])
        constants = raw(words[4], count, known)
        scalars = scalars_of(config, count, constants, float(words[5]))
        peer.prepare(coarse, raw(words[3], count, channels, side, side), scalars)
        return {}
    if command == "step":
        return measured(peer.step)
    if command == "output":
        peer.output().astype(np.float32).tofile(words[0])
        return {}
    if command == "window":
        side = config["window"] // config["factor"]
        condition = np.fromfile(words[0], np.uint8).reshape(side, side, 3)
        noise = raw(words[4], channels, config["window"], config["window"])
        scalars = scalars_of(config, 1, raw(words[1], 1, known), 0)
        name, steps = words[2].split(":")
        pixels = []
        spent = measured(lambda: pixels.append(peer.window(condition, noise, scalars, name, int(steps))))
        pixels[0].tofile(words[3])
        return {"whole": spent}
    if command == "memory":
        return {"peak": peak()}
    return {"error": "not understood"}


def main():
    peer = ONNX() if kind == "onnx" else Torch()
    print(json.dumps({"profile": kind}), file=answers, flush=True)
    for line in sys.stdin:
        command, *words = line.split()
        print(json.dumps(answer(peer, command, words)), file=answers, flush=True)


main()
