"""The feature space of the Fréchet distance: a small classifier of training imagery.

    python -m tessera_train.eval.features --data IMAGERY/train [--steps 2500] [--out FILE]

It learns, from 64² crops of training places only, the octave of ground resolution, the source, and what was done to
the crop (nothing, blur, noise, JPEG, ×4 down and up). Its 64 numbers before the heads are the features; its four
activation maps serve a distance of pictures in the manner of LPIPS (Zhang et al. 2018), without learned weights.
"""

import argparse
import io
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from ..data import Sampler, build_layers
from ..degrade import blur
from ..imagery import load_scenes, read_manifest
from ..train import HERE

WEIGHTS = Path(__file__).parent / "features.safetensors"
WIDTHS = (24, 48, 72, 96, 96)
STRIDES = (1, 2, 2, 2, 1)
FEATURES, PATCH = 64, 64
OCTAVES, SOURCES, CHANGES = 13, 13, 5


class FeatureNet(nn.Module):
    """Five convolutions, a mean over positions, 64 features, three linear heads."""

    def __init__(self):
        super().__init__()
        inputs = (3,) + WIDTHS[:-1]
        self.convs = nn.ModuleList(
            nn.Conv2d(i, o, 3, s, 1, bias=False) for i, o, s in zip(inputs, WIDTHS, STRIDES))
        self.norms = nn.ModuleList(nn.BatchNorm2d(o) for o in WIDTHS)
        self.project = nn.Linear(WIDTHS[-1], FEATURES)
        self.heads = nn.ModuleList(nn.Linear(FEATURES, n) for n in (OCTAVES, SOURCES, CHANGES))

    def maps(self, x):
        found = []
        for conv, norm in zip(self.convs, self.norms):
            x = F.relu(norm(conv(x)))
            found.append(x)
        return found

    def forward(self, x):
        return self.project(self.maps(x)[-1].mean(dim=(2, 3)))


class Features:
    """Features and distances of uint8 pictures (N, H, W, 3)."""

    def __init__(self, path=WEIGHTS):
        self.net = FeatureNet().eval().requires_grad_(False)
        state = safetensors.torch.load_file(str(path))
        self.net.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in state.items()})

    @torch.inference_mode()
    def __call__(self, images) -> np.ndarray:
        """(N, H, W, 3) → (N, patches, 64): the features of every 64² patch."""
        images = np.asarray(images)
        patches = split(images)
        rows = [self.net(tensor(patches[i : i + 256])) for i in range(0, len(patches), 256)]
        return torch.cat(rows).numpy().reshape(len(images), -1, FEATURES)

    @torch.inference_mode()
    def octaves(self, images) -> np.ndarray:
        """The expected octave (log₂ of metres per pixel) of every 64² patch, (N, patches)."""
        features = torch.from_numpy(self(images))
        return (self.net.heads[0](features).softmax(-1) @ torch.arange(OCTAVES).float()).numpy()

    @torch.inference_mode()
    def distance(self, images, real) -> np.ndarray:
        """Mean squared difference of activations, normalised to unit length over channels; one number per pair."""
        total = torch.zeros(len(images))
        for a, b in zip(self.net.maps(tensor(images)), self.net.maps(tensor(real))):
            a, b = (v / (v.square().sum(1, keepdim=True).sqrt() + 1e-6) for v in (a, b))
            total += (a - b).square().sum(1).mean(dim=(1, 2))
        return total.numpy()


class InceptionFeatures:
    """The 2048 pooled features of Inception v3 from a state dict in torchvision's names (299², ImageNet's norm).

    Only the numbers of one and the same weights file compare with each other.
    """

    def __init__(self, path):
        if not Path(path).is_file():
            raise ValueError(f"{path}: no such file; give a state dict of torchvision's inception_v3")
        try:
            from torchvision.models import inception_v3
        except ImportError as error:
            raise ValueError("Inception weights need torchvision; install it, or leave --inception out") from error
        self.net = inception_v3(weights=None, init_weights=False, aux_logits=True)
        try:
            self.net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True), strict=False)
        except (RuntimeError, AttributeError, TypeError) as error:
            raise ValueError(f"{path}: not a state dict of torchvision's inception_v3 ({error})") from error
        self.net.fc = nn.Identity()
        self.net.eval().requires_grad_(False)

    @torch.inference_mode()
    def __call__(self, images) -> np.ndarray:
        mean, deviation = (torch.tensor(v)[:, None, None] for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
        rows = []
        for i in range(0, len(images), 16):
            x = F.interpolate((tensor(images[i : i + 16]) + 1) / 2, size=(299, 299), mode="bilinear", antialias=True)
            rows.append(self.net((x - mean) / deviation))
        return torch.cat(rows).numpy()[:, None]


def tensor(images):
    return torch.from_numpy(np.ascontiguousarray(np.asarray(images).transpose(0, 3, 1, 2))).float() / 127.5 - 1


def split(images):
    n, h, w, _ = images.shape
    grid = images[:, : h // PATCH * PATCH, : w // PATCH * PATCH].reshape(n, h // PATCH, PATCH, w // PATCH, PATCH, 3)
    return grid.transpose(0, 1, 3, 2, 4, 5).reshape(-1, PATCH, PATCH, 3)


def change(crop, kind: int, rng) -> np.ndarray:
    """Leave a crop as it is (0), blur it (1), add noise (2), pass it through JPEG (3) or ×4 down and up (4)."""
    if kind == 1:
        sigma = rng.uniform(0.5, 2.0)
        crop = blur(crop.astype(np.float32), sigma, sigma)
    elif kind == 2:
        crop = crop + rng.uniform(3, 15) * rng.standard_normal(crop.shape)
    elif kind == 3:
        buffer = io.BytesIO()
        Image.fromarray(crop).save(buffer, "JPEG", quality=int(rng.integers(15, 60)))
        crop = np.asarray(Image.open(buffer).convert("RGB"))
    elif kind == 4:
        small = Image.fromarray(crop).resize((PATCH // 4, PATCH // 4), Image.Resampling.BOX)
        crop = np.asarray(small.resize((PATCH, PATCH), Image.Resampling.BICUBIC))
    return np.clip(np.floor(np.asarray(crop, np.float64) + 0.5), 0, 255).astype(np.uint8)


def draw(sampler, sources, count, rng):
    """Return (crops, labels (count, 3)): octave, source, change; three in five crops are unchanged."""
    crops, labels = [], []
    for _ in range(count):
        # The sampler hides the source; draw it as the sampler does, to keep the label.
        while True:
            o, layer = sampler.draw_layer(rng, PATCH)
            y, x = (int(rng.integers(v - PATCH + 1)) for v in layer.pixels.shape[:2])
            metres = layer.resolution(y + PATCH / 2)
            if round(np.log2(metres)) != o or not sampler.temperate(layer, y + PATCH / 2):
                continue
            if layer.valid is None or layer.valid[y : y + PATCH, x : x + PATCH].all():
                break
        crop = layer.pixels[y : y + PATCH, x : x + PATCH]
        crop = np.rot90(crop, int(rng.integers(4)))[:: 1 if rng.random() < 0.5 else -1]
        kind = 0 if rng.random() < 0.6 else int(rng.integers(1, CHANGES))
        crops.append(change(np.ascontiguousarray(crop), kind, rng))
        labels.append((o, sources.index(layer.scene.source), kind))
    return np.stack(crops), torch.tensor(labels)


def train(sampler, sources, steps: int, count: int = 64, rate: float = 2e-3, report=print) -> FeatureNet:
    torch.manual_seed(1)
    net = FeatureNet().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=0.01)
    plan = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps)
    rng = np.random.default_rng(1)
    right = torch.zeros(3)
    for step in range(steps):
        crops, labels = draw(sampler, sources, count, rng)
        x = tensor(crops).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            features = net(x)
            outputs = [head(features) for head in net.heads]
        loss = sum(F.cross_entropy(o.float(), labels[:, i]) for i, o in enumerate(outputs))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        plan.step()
        hits = torch.tensor([(o.argmax(1) == labels[:, i]).float().mean() for i, o in enumerate(outputs)])
        right = 0.99 * right + 0.01 * hits
        if (step + 1) % 100 == 0:
            report(f"{step + 1} loss {loss.item():.3f} right (mean of the last 100) "
                   + " ".join(f"{v:.2f}" for v in (right / (1 - 0.99 ** (step + 1))).tolist()))
    return net


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="training imagery")
    parser.add_argument("--sources", default=HERE / "configs/sources.json")
    parser.add_argument("--steps", type=int, default=2500)
    parser.add_argument("--out", default=WEIGHTS)
    a = parser.parse_args(argv)
    manifest = read_manifest(a.sources)
    recipe = {"octave_weights": {str(o): 1 for o in range(OCTAVES)}, "batches": [{"size": PATCH}], "places": {}}
    sampler = Sampler(build_layers(load_scenes(a.data, manifest), manifest, PATCH), recipe)
    net = train(sampler, [s["name"] for s in manifest["sources"]], a.steps, report=lambda s: print(s, flush=True))
    state = {k: v.half() if v.is_floating_point() else v for k, v in net.state_dict().items()}
    safetensors.torch.save_file({k: v.contiguous() for k, v in state.items()}, str(a.out))


if __name__ == "__main__":
    main()
