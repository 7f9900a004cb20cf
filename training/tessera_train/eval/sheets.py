"""Sheets of pictures with labels."""

import numpy as np
from PIL import Image, ImageDraw


def sheet(rows, labels, heads=(), gap=2, left=76) -> Image.Image:
    """Lay out rows of equally large pictures, a label at each row's left and a head over each column."""
    h, w = rows[0][0].shape[:2]
    top = 14 if heads else 0
    page = Image.new("RGB", (left + max(len(r) for r in rows) * (w + gap), top + len(rows) * (h + gap)), "white")
    pen = ImageDraw.Draw(page)
    for x, head in enumerate(heads):
        pen.text((left + x * (w + gap) + 2, 1), head, fill="black")
    for y, (row, label) in enumerate(zip(rows, labels)):
        pen.multiline_text((3, top + y * (h + gap) + 4), label, fill="black")
        for x, image in enumerate(row):
            page.paste(Image.fromarray(image), (left + x * (w + gap), top + y * (h + gap)))
    return page


def nearest(image, size) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.NEAREST))


def save(page: Image.Image, path, quality=82):
    page.save(path, quality=quality, subsampling=0 if quality > 90 else 2, optimize=True)


def plot(curves: dict, path, width=560, height=330, logarithmic=True):
    """Draw labelled curves over 0 … ½ cycle per pixel; no plotting library needed."""
    page = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(page)
    colours = ["black", "#d62728", "#1f77b4", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b"]
    values = {k: np.log10(np.asarray(v)) if logarithmic else np.asarray(v) for k, v in curves.items()}
    low = np.floor(min(v.min() for v in values.values()))
    high = np.ceil(max(v.max() for v in values.values()))
    box = (50, 10, width - 10, height - 30)

    def at(i, v, n):
        return box[0] + (box[2] - box[0]) * (i + 0.5) / n, box[3] - (box[3] - box[1]) * (v - low) / (high - low)

    pen.rectangle(box, outline="grey")
    for tick in np.arange(low, high + 1):
        y = at(0, tick, 1)[1]
        pen.line([(box[0], y), (box[2], y)], fill="#dddddd")
        pen.text((8, y - 6), f"1e{int(tick)}" if logarithmic else f"{tick:g}", fill="black")
    for tick in (0.125, 0.25, 0.375, 0.5):
        x = box[0] + (box[2] - box[0]) * tick * 2
        pen.line([(x, box[1]), (x, box[3])], fill="#dddddd")
        pen.text((x - 12, box[3] + 4), f"{tick:g}", fill="black")
    pen.text((box[0] + 60, box[3] + 16), "cycles per pixel; ordinate: power of luma", fill="black")
    for index, (name, v) in enumerate(values.items()):
        colour = colours[index % len(colours)]
        pen.line([at(i, value, len(v)) for i, value in enumerate(v)], fill=colour, width=2)
        pen.text((box[2] - 150, box[1] + 6 + 13 * index), name, fill=colour)
    page.save(path)
