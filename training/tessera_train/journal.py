"""What a run tells while it runs: a CSV log, TensorBoard, sheets of samples."""

import csv
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from .data import Batch

OCTAVES = range(0, 13)


class Log:
    """CSV rows: mean loss since the last row, in all and by octave of resolution."""

    def __init__(self, path: Path, append: bool, board=None):
        self.file = open(path, "a" if append else "w", newline="")
        self.writer = csv.writer(self.file)
        self.board = board
        if not append:
            self.writer.writerow(
                ["step", "seconds", "loss", "rate", "norm", "crops64_per_s"] + [f"loss_2^{o}m" for o in OCTAVES]
            )
        self.reset()

    def reset(self):
        self.started, self.area, self.norms, self.all = time.monotonic(), 0.0, [], []
        self.bands = {o: [] for o in OCTAVES}

    def add(self, octaves, size: int, losses, norm):
        """Note one step: the octave and loss of each crop of `size` pixels."""
        self.all.extend(losses)
        self.norms.append(norm)
        self.area += len(losses) * size**2 / 64**2
        for o, loss in zip(octaves, losses):
            if int(o) in self.bands:
                self.bands[int(o)].append(loss)

    def write(self, step, elapsed, rate):
        speed = self.area / (time.monotonic() - self.started)
        means = {f"2^{o}m": float(np.mean(v)) for o, v in self.bands.items() if v}
        bands = [f"{means[f'2^{o}m']:.5f}" if self.bands[o] else "" for o in OCTAVES]
        row = [str(step), f"{elapsed:.0f}", f"{np.mean(self.all):.5f}", f"{rate:.2e}", f"{np.mean(self.norms):.3f}"]
        self.writer.writerow(row + [f"{speed:.1f}"] + bands)
        self.file.flush()
        if self.board is not None:
            scalars = {"loss": np.mean(self.all), "rate": rate, "norm": np.mean(self.norms), "crops64_per_s": speed}
            for name, value in {**scalars, **{f"loss/{k}": v for k, v in means.items()}}.items():
                self.board.add_scalar(name, float(value), step)
        print(" ".join(row), f"{speed:.1f}/s", flush=True)
        self.reset()


def tensorboard(folder: Path):
    """A TensorBoard writer; raises ValueError where TensorBoard is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ValueError("--tensorboard needs TensorBoard: pip install tensorboard, or use the CSV log") from error
    return SummaryWriter(str(folder))


class Sheets:
    """Pictures of the same few crops as training goes on: condition, sample, real; one row an octave.

    The crops are the first that training meets at each octave, among the largest that the recipe cuts.
    """

    def __init__(self, folder: Path, size: int, calls: int = 12):
        self.folder, self.size, self.calls = folder, size, calls
        self.crops = {}

    def see(self, batch: Batch):
        if batch.target.shape[2] != self.size:
            return
        for i, o in enumerate(batch.octave):
            crop = (batch.target[i], batch.coarse[i], batch.metres[i], batch.strength[i])
            self.crops.setdefault(int(o), tuple(value.copy() for value in crop))

    def write(self, trainer) -> Path | None:
        """Write sheet-STEP.png from the averaged weights."""
        if not self.crops:
            return None
        octaves = sorted(self.crops)
        target, coarse, metres, strength = (np.stack(v) for v in zip(*(self.crops[o] for o in octaves)))
        sampled = np.concatenate([
            trainer.sample(coarse[i : i + 1], metres[i : i + 1], strength[i : i + 1], self.calls)
            for i in range(len(octaves))
        ])
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"sheet-{trainer.step:07d}.png"
        sheet(coarse, sampled, target, metres, strength).save(path)
        return path


def sheet(coarse, sampled, target, metres, strength) -> Image.Image:
    """Rows of condition (nearest), sample and real picture, each labelled; all (N, 3, …) uint8."""
    size, label = target.shape[2], 14
    canvas = Image.new("RGB", (3 * size, len(target) * (size + label)), "white")
    draw = ImageDraw.Draw(canvas)
    for row in range(len(target)):
        top = row * (size + label)
        draw.text((2, top + 1), f"{metres[row]:.1f} m  u={strength[row]:.2f}", fill="black")
        for column, image in enumerate((coarse[row], sampled[row], target[row])):
            picture = Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0)))
            canvas.paste(picture.resize((size, size), Image.Resampling.NEAREST), (column * size, top + label))
    return canvas
