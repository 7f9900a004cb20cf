"""Measure a model file on held-out imagery.

    python -m tessera_train.evaluate MODEL.safetensors --data HELDOUT_DIR --out DIR [--strengths 0 0.3 …]

Writes `resolutions.csv` (spectrum and agreement with the condition by octave of ground resolution),
`cascade.csv` (the same along four ×4 steps from held-out boxes of the base map), `samplers.csv` (distance
of short samplings from a long one, same noise) and sheets of pictures. All figures are of luma in grey levels.
"""

import argparse
import csv
import math
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

from . import modelfile
from .data import Sampler, build_layers
from .diffusion import SAMPLERS, Schedule
from .imagery import area_average, load_scenes, read_manifest
from .train import HERE

OCTAVES = (0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12)
SAMPLER_CROPS = 3


class Generator:
    """Sample a model file: coarse uint8 (N, h, w, 3) to fine uint8 (N, 4h, 4w, 3)."""

    def __init__(self, path, bf16: bool = True):
        self.model, self.metadata = modelfile.read(path)
        self.model = self.model.to(memory_format=torch.channels_last)
        self.schedule = Schedule.from_config(self.metadata["schedule"])
        self.bf16 = bf16

    def scalars(self, t, metres, strength):
        values = {"timestep": float(t), "degradation": strength}
        rows = []
        for m in metres:
            rows.append([{**values, "log2_resolution": math.log2(m)}[s["name"]] for s in self.metadata["scalars"]])
        return torch.tensor(rows, dtype=torch.float32)

    @torch.inference_mode()
    def __call__(self, coarse, metres, strength, seed=0, sampler="dpm++", steps=12):
        n, h, w, _ = coarse.shape
        condition = torch.from_numpy(np.ascontiguousarray(coarse.transpose(0, 3, 1, 2))).float() / 127.5 - 1
        noise = torch.randn((n, 3, 4 * h, 4 * w), generator=torch.Generator().manual_seed(seed))
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.bf16):
            features = self.model.encode(condition.contiguous(memory_format=torch.channels_last))

            def predict(x, t):
                return self.model.denoise(x, features, self.scalars(t, metres, strength)).float()

            clean = SAMPLERS[sampler](self.schedule, predict, noise, steps, self.metadata["prediction"])
        pixels = (clean * 127.5 + 127.5).clamp(0, 255).add(0.5).floor()
        return pixels.to(torch.uint8).numpy().transpose(0, 2, 3, 1)


def luma(image) -> np.ndarray:
    return image.astype(np.float64) @ np.array([0.299, 0.587, 0.114])


def spectrum(image) -> np.ndarray:
    """Radially averaged power of luma under a Hann window, in 32 bins from 0 to ½ cycle per pixel."""
    y = luma(image)
    size = y.shape[0]
    window = np.outer(np.hanning(size), np.hanning(size))
    power = np.abs(np.fft.fft2((y - y.mean()) * window)) ** 2 / (window**2).sum()
    frequency = np.fft.fftfreq(size)
    bins = np.minimum((np.hypot(frequency[:, None], frequency[None]) * 64).astype(int), 32)
    return np.bincount(bins.ravel(), power.ravel(), 33)[:32] / np.bincount(bins.ravel(), minlength=33)[:32]


def high_band(image) -> float:
    """Energy between the condition's Nyquist frequency (⅛) and ½ cycle per pixel."""
    areas = np.diff(np.pi * (np.arange(33) / 64) ** 2)
    return float((spectrum(image) * areas)[8:].sum())


def disagreement(fine, coarse) -> tuple[float, float]:
    """RMSE and mean of (×4 area average − condition), grey levels over all channels."""
    difference = area_average(fine, 4).astype(float) - coarse
    return float(np.sqrt((difference**2).mean())), float(difference.mean())


def detail(image) -> float:
    """RMS of what ×4 averaging removes, grey levels."""
    h, w = image.shape[:2]
    blocks = image.astype(float).reshape(h // 4, 4, w // 4, 4, 3)
    return float(np.sqrt(((blocks - blocks.mean(axis=(1, 3), keepdims=True)) ** 2).mean()))


def bicubic(coarse, factor=4):
    h, w = coarse.shape[:2]
    return np.asarray(Image.fromarray(coarse).resize((w * factor, h * factor), Image.Resampling.BICUBIC))


def heldout_crops(data, manifest_path, size=128, count=8, octaves=OCTAVES, seed=1):
    """Draw crops of held-out scenes: octave → [(crop, metres)], the same at every call."""
    manifest = read_manifest(manifest_path)
    layers = build_layers(load_scenes(data, manifest), manifest, size)
    recipe = {"octave_weights": {str(o): 1 for o in octaves}, "batches": [{"size": size}], "places": {},
              "dull_deviation": 3.0, "dull_kept": 0.05}
    sampler = Sampler(layers, recipe)
    crops = {}
    for o in octaves:
        table = sampler.tables[size]
        if o not in table:
            continue
        rng = np.random.Generator(np.random.Philox(key=[seed, o]))
        only = Sampler.__new__(Sampler)
        only.recipe, only.weights, only.tables = recipe, {o: 1.0}, {size: {o: table[o]}}
        crops[o] = [only.draw(rng, size)[:2] for _ in range(count)]
    return crops


def measure_resolutions(generate, crops, strengths, out, **options):
    """Rows of figures by octave and strength; returns pictures for the sheet too."""
    rows, pictures = [], {}
    for o, drawn in crops.items():
        real = np.stack([c for c, _ in drawn])
        metres = [m for _, m in drawn]
        coarse = np.stack([area_average(c, 4) for c in real])
        truth = np.array([high_band(c) for c in real])
        made = {"bicubic": np.stack([bicubic(c) for c in coarse])}
        for u in strengths:
            made[f"u={u}"] = generate(coarse, metres, u, seed=o, **options)
        for name, images in made.items():
            energy = np.array([high_band(i) for i in images])
            errors = np.array([disagreement(i, c) for i, c in zip(images, coarse)])
            rows.append([f"{2.0**o:g}", name, f"{energy.sum() / truth.sum():.3f}",
                         f"{np.exp(np.mean(np.log((energy + 0.01) / (truth + 0.01)))):.3f}",
                         f"{np.sqrt((errors[:, 0] ** 2).mean()):.2f}", f"{errors[:, 1].mean():+.2f}",
                         f"{np.mean([detail(i) for i in images]):.2f}", f"{np.mean([detail(i) for i in real]):.2f}"])
        pictures[o] = (made, real, metres)
    header = ["metres", "image", "high band / real", "geometric mean of ratios", "RMSE to condition", "mean drift",
              "detail", "detail of real"]
    write_rows(out / "resolutions.csv", header, rows)
    return pictures


def measure_cascade(generate, boxes, plans, out, real_detail, levels=4, **options):
    """Four ×4 steps from the middle of each box; a plan names the strength of each level."""
    rows, pictures = [], {}
    for plan in plans:
        for name, (box, metres) in boxes.items():
            coarse = middle(box, 64)
            pictures[name, plan] = [coarse]
            for level in range(levels):
                metres_now = metres / 4 ** (level + 1)
                fine = generate(coarse[None], [metres_now], plan[level], seed=level + 1, **options)[0]
                rmse, drift = disagreement(fine, coarse)
                o = min(real_detail, key=lambda v: abs(v - math.log2(metres_now)))
                rows.append([" ".join(f"{u:g}" for u in plan), name, level + 1, f"{metres_now:.1f}", f"{detail(fine):.2f}",
                             f"{real_detail[o]:.2f}", f"{rmse:.2f}", f"{drift:+.2f}"])
                pictures[name, plan].append(fine)
                coarse = middle(fine, 64)
    header = ["strengths", "box", "level", "metres", "detail", "detail of real at that resolution",
              "RMSE to condition", "mean drift"]
    write_rows(out / "cascade.csv", header, rows)
    return pictures


def measure_samplers(generate, crops, strength, out, octaves=(0, 3, 5, 8), reference=("ddim", 100)):
    """RMSE of short samplings to a long one from the same noise, and their high band against the real one."""
    runs = [("ddim", 50), ("ddim", 25), ("ddim", 12), ("ddim", 8), ("dpm++", 20), ("dpm++", 15), ("dpm++", 12),
            ("dpm++", 10), ("dpm++", 8), ("dpm++", 6)]
    rows = []
    results = {}
    for o in octaves:
        drawn = crops[o][:SAMPLER_CROPS]
        coarse = np.stack([area_average(c, 4) for c, _ in drawn])
        metres = [m for _, m in drawn]
        for run in [reference] + runs:
            results[o, run] = generate(coarse, metres, strength, seed=o, sampler=run[0], steps=run[1])
    for run in [reference] + runs:
        errors, ratios = [], []
        for o in octaves:
            error = results[o, run].astype(float) - results[o, reference]
            errors.append((error**2).mean())
            real = sum(high_band(c) for c, _ in crops[o][:SAMPLER_CROPS])
            ratios.append(sum(high_band(c) for c in results[o, run]) / real)
        rows.append([run[0], run[1], f"{math.sqrt(np.mean(errors)):.2f}"] + [f"{r:.3f}" for r in ratios])
    header = ["sampler", "calls", f"RMSE to {reference[0]} {reference[1]}"]
    write_rows(out / "samplers.csv", header + [f"high band / real at {2**o} m" for o in octaves], rows)


def middle(image, size):
    y, x = (image.shape[0] - size) // 2, (image.shape[1] - size) // 2
    return np.ascontiguousarray(image[y : y + size, x : x + size])


def write_rows(path, header, rows):
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([header] + rows)
    for row in [header] + rows:
        print("  ".join(str(v) for v in row), flush=True)


def grid(rows, labels, gap=2) -> Image.Image:
    """Lay out rows of equal pictures with a label at each row's left."""
    h, w = rows[0][0].shape[:2]
    sheet = Image.new("RGB", (70 + len(rows[0]) * (w + gap), len(rows) * (h + gap)), "white")
    pen = ImageDraw.Draw(sheet)
    for y, (row, label) in enumerate(zip(rows, labels)):
        pen.multiline_text((3, y * (h + gap) + 4), label, fill="black")
        for x, image in enumerate(row):
            sheet.paste(Image.fromarray(image), (70 + x * (w + gap), y * (h + gap)))
    return sheet


def resolution_sheet(pictures, image_name, per_octave=2) -> Image.Image:
    """Condition (bicubic) | generated | real, `per_octave` places a row."""
    rows, labels = [], []
    for o, (made, real, metres) in sorted(pictures.items()):
        row = []
        for i in range(per_octave):
            row += [made["bicubic"][i], made[image_name][i], real[i]]
        rows.append(row)
        labels.append("\n".join(f"{m:.4g} m" for m in metres[:per_octave]))
    return grid(rows, labels)


def cascade_sheet(pictures, plan) -> Image.Image:
    rows, labels = [], []
    for (name, used), images in pictures.items():
        if used == plan:
            rows.append([np.asarray(Image.fromarray(images[0]).resize((256, 256), Image.Resampling.NEAREST))] + images[1:])
            labels.append(name.replace("_", "\n"))
    return grid(rows, labels)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--data", required=True, help="held-out imagery")
    parser.add_argument("--manifest", default=HERE / "configs/heldout.json")
    parser.add_argument("--out", required=True)
    parser.add_argument("--strengths", type=float, nargs="+", default=[0.0, 0.3, 0.5])
    parser.add_argument("--plans", nargs="*", default=[], help="strengths of the cascade's levels, as 0.5,0.3,0.3,0.3")
    parser.add_argument("--boxes", nargs="+", default=["alps_italy", "congo", "great_lakes", "sahara_libya", "yangtze"])
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--octaves", type=int, nargs="+", default=OCTAVES)
    parser.add_argument("--samplers", action="store_true")
    parser.add_argument("--sampler", default="dpm++")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--threads", type=int, default=2)
    a = parser.parse_args(argv)
    torch.set_num_threads(a.threads)
    out = Path(a.out)
    out.mkdir(parents=True, exist_ok=True)
    generate = Generator(a.model)
    options = {"sampler": a.sampler, "steps": a.steps}
    crops = heldout_crops(a.data, a.manifest, count=a.count, octaves=a.octaves)
    if a.strengths:
        pictures = measure_resolutions(generate, crops, a.strengths, out, **options)
        for u in a.strengths:
            resolution_sheet(pictures, f"u={u}").save(out / f"resolutions-u{u}.png")
    if a.plans:
        manifest = read_manifest(a.manifest)
        manifest["sources"] = [s for s in manifest["sources"] if s["name"] == "bluemarble_4890m"]
        boxes = {s.name[:-4]: (s.pixels, s.metres) for s in load_scenes(a.data, manifest)}
        boxes = {name: boxes[name] for name in a.boxes}
        real = {o: float(np.mean([detail(c) for c, _ in drawn])) for o, drawn in crops.items()}
        plans = [tuple(float(u) for u in plan.split(",")) for plan in a.plans]
        pictures = measure_cascade(generate, boxes, plans, out, real, **options)
        for plan in plans:
            cascade_sheet(pictures, plan).save(out / f"cascade-{'-'.join(f'{u:g}' for u in plan)}.png")
    if a.samplers:
        measure_samplers(generate, crops, a.strengths[0] if a.strengths else 0.3, out)


if __name__ == "__main__":
    main()
