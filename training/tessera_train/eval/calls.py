"""How few calls of the network: distance to DDIM with 1000 calls, Fréchet distance, spectrum, seams."""

import math

import numpy as np

from . import seams, sheets
from .bench import Bench, Pairs
from .generator import Settings
from .lattices import PLACES, region
from .statistics import figure

REFERENCE = "ddim:1000"
RUNS = ("ddim:50", "ddim:25", "ddim:12", "ddim:8", "ddim:12:logsnr", "ddim:8:logsnr", "dpm++:20", "dpm++:15",
        "dpm++:12", "dpm++:10", "dpm++:8", "dpm++:20:logsnr", "dpm++:15:logsnr", "dpm++:12:logsnr", "dpm++:10:logsnr",
        "dpm++:8:logsnr", "dpm++:6:logsnr", "dpm++:5:logsnr", "dpm++:4:logsnr")
TRUNCATED = tuple(f"dpm++:{n}:logsnr:start={t}" for n in (4, 3, 2) for t in (600, 400, 250))
ON_MOSAICS = ("ddim:25", "ddim:12", "dpm++:12", "dpm++:12:logsnr", "dpm++:10:logsnr", "dpm++:8:logsnr", "dpm++:6:logsnr")


def run(bench: Bench) -> dict:
    u = bench.strength(1)
    few = Pairs.of(bench, bench.crops(128, bench.count(2), (0, 3, 5, 8)))
    many = Pairs.of(bench, bench.crops(128, bench.count(4, 2), (0, 2, 3, 4, 5, 6, 7, 8, 9, 10)))
    reference = few.make(u, Settings.parse(REFERENCE)).astype(float)
    result = {"reference": REFERENCE, "reference crops": len(few.real), "crops": len(many.real), "strength": u,
              "runs": {}}
    rows = {}
    for text in RUNS + TRUNCATED:
        settings = Settings.parse(text)
        close, made = few.make(u, settings), many.make(u, settings)
        squares = ((close - reference) ** 2).mean(axis=(1, 2, 3))
        result["runs"][text] = {
            "calls": settings.steps, "error": figure(lambda i: math.sqrt(squares[i].mean()), len(squares)),
            **{k: v for k, v in many.figures(made, fidelities=False).items() if k != "curve"}}
        rows[text] = close
    result["reference high band"] = few.figures(reference.astype(np.uint8), fidelities=False)["high_band"]
    result["mosaics"] = {}
    for text in ON_MOSAICS:
        pictures, windows = [], []
        for place in PLACES[:1]:
            picture, mosaic = region(bench, place, settings=Settings.parse(text))
            pictures.append(picture)
            windows.append(mosaic.windows[1])
        result["mosaics"][text] = seams.report(pictures, windows, 128, 64)
    draw(bench, few, reference, rows)
    return result


def draw(bench, few, reference, rows):
    shown = ("ddim:50", "ddim:12", "dpm++:12", "dpm++:10:logsnr", "dpm++:6:logsnr", "dpm++:4:logsnr:start=400")
    chosen = [int(np.flatnonzero(few.octaves == o)[0]) for o in sorted(set(few.octaves.tolist()))]
    pictures = [[reference[i].astype(np.uint8)] + [rows[k][i] for k in shown] for i in chosen]
    sheets.save(sheets.sheet(pictures, [f"{few.metres[i]:.3g} m" for i in chosen], (REFERENCE, *shown)),
                bench.out / "results-calls.jpg", 85)
