"""Training batches: a pure function of the scenes, the recipe and (seed, step)."""

import dataclasses
import math
from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from . import dataset
from .degrade import make_condition
from .imagery import Layer, layers_of, load_scenes, read_manifest

MAX_LATITUDE = 72.0


@dataclass
class Batch:
    """target (n, 3, H, W) and coarse (n, 3, H/4, W/4) uint8; metres, strength, octave (n,).

    `rows` (n,) are the places of these crops in the step's batch of `count`: all of it, or one process's share.
    """

    step: int
    target: np.ndarray
    coarse: np.ndarray
    metres: np.ndarray
    strength: np.ndarray
    octave: np.ndarray
    count: int
    rows: np.ndarray

    def share(self, rank: int, size: int) -> "Batch":
        """The crops of one of `size` processes: every size-th from `rank` on."""
        if self.count % size:
            raise ValueError(f"{self.count} crops do not divide among {size} processes")
        kept = np.flatnonzero(self.rows % size == rank)
        return dataclasses.replace(self, **{
            name: getattr(self, name)[kept]
            for name in ("target", "coarse", "metres", "strength", "octave", "rows")
        })


def octave(metres: float) -> int:
    """Nearest power of two of a ground resolution."""
    return int(round(math.log2(metres)))


def build_layers(scenes, manifest: dict, smallest: int) -> list[Layer]:
    factors = {source["name"]: source.get("factors", manifest["factors"]) for source in manifest["sources"]}
    return [layer for scene in scenes for layer in layers_of(scene, factors[scene.source], smallest)]


class Sampler:
    """Draw crops: octave of resolution, then source, then place, then date and factor, then position."""

    def __init__(self, layers: list[Layer], recipe: dict):
        self.recipe = recipe
        self.weights = {int(k): float(v) for k, v in recipe["octave_weights"].items()}
        self.tables = {size: self.table(layers, size) for size in {b["size"] for b in recipe["batches"]}}

    def table(self, layers, size):
        """octave → source → place → layers that hold a crop of `size`."""
        table = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
        for layer in layers:
            if min(layer.pixels.shape[:2]) < size:
                continue
            rows = np.linspace(0, layer.pixels.shape[0], 257)
            for o in sorted({octave(layer.resolution(row)) for row in rows if self.temperate(layer, row)}):
                if o in self.weights:
                    table[o][layer.scene.source][layer.scene.place].append(layer)
        if not table:
            raise ValueError(f"no scene holds a crop of {size} pixels at a wanted resolution")
        return {o: {s: dict(p) for s, p in sources.items()} for o, sources in table.items()}

    @staticmethod
    def temperate(layer, row):
        """Whether a row of a world map lies within ±72° of latitude."""
        if layer.scene.mercator_zoom is None:
            return True
        equator = layer.resolution(layer.pixels.shape[0] / 2)
        return layer.resolution(row) >= equator * math.cos(math.radians(MAX_LATITUDE))

    def choose(self, rng, options, weights):
        weights = np.asarray(weights, dtype=np.float64)
        return options[int(np.searchsorted(np.cumsum(weights / weights.sum()), rng.random(), side="right"))
                       if len(options) > 1 else 0]

    def source_weight(self, name, places):
        return math.sqrt(self.recipe["places"].get(name, len(places)))

    def draw_layer(self, rng, size):
        table = self.tables[size]
        octaves = sorted(table)
        o = self.choose(rng, octaves, [self.weights[v] for v in octaves])
        names = sorted(table[o])
        source = table[o][self.choose(rng, names, [self.source_weight(n, table[o][n]) for n in names])]
        places = sorted(source)
        layers = source[places[int(rng.integers(len(places)))]]
        return o, layers[int(rng.integers(len(layers)))]

    def draw(self, rng, size):
        """Return (target (size, size, 3) uint8, metres per pixel, octave), or raise after 1000 misses."""
        for _ in range(1000):
            o, layer = self.draw_layer(rng, size)
            h, w = layer.pixels.shape[:2]
            y, x = int(rng.integers(h - size + 1)), int(rng.integers(w - size + 1))
            metres = layer.resolution(y + size / 2)
            if octave(metres) != o:
                continue
            if layer.valid is not None and not layer.valid[y : y + size, x : x + size].all():
                continue
            if not self.temperate(layer, y + size / 2):
                continue
            crop = layer.pixels[y : y + size, x : x + size]
            dull = crop[::2, ::2, 1].std() < self.recipe["dull_deviation"]
            if dull and rng.random() > self.recipe["dull_kept"]:
                continue
            return crop, metres, o
        raise ValueError("no acceptable crop in 1000 draws; check the masks")

    def batch(self, step: int, rank: int = 0, size: int = 1) -> Batch:
        """Make the batch of a step; equal arguments give equal bytes.

        Where the recipe's `streams` is "crop", every crop has random numbers of its own, and of `size` processes
        each makes only every size-th crop; else the crops share one stream, and every process makes them all.
        """
        seed = self.recipe["seed"]
        rng = np.random.Generator(np.random.Philox(key=[seed, step]))
        shapes = self.recipe["batches"]
        shape = self.choose(rng, shapes, [b["share"] for b in shapes])
        if self.recipe.get("streams", "batch") == "batch":
            crops = [self.crop(rng, shape["size"]) for _ in range(shape["count"])]
            rows = np.arange(shape["count"])
        else:
            rows = np.arange(rank, shape["count"], size)
            streams = [np.random.Philox(key=[seed, step], counter=[0, 0, 0, 1 + int(row)]) for row in rows]
            crops = [self.crop(np.random.Generator(stream), shape["size"]) for stream in streams]
        target, coarse, metres, strength, octaves = zip(*crops)
        return Batch(step, np.ascontiguousarray(target), np.ascontiguousarray(coarse), np.float32(metres),
                     np.float32(strength), np.array(octaves), shape["count"], rows)

    def crop(self, rng, size):
        """Draw a crop, its orientation and its condition; returns (target, coarse, metres, strength, octave)."""
        crop, metres, o = self.draw(rng, size)
        crop = np.rot90(crop, int(rng.integers(4)))
        if rng.random() < 0.5:
            crop = crop[:, ::-1]
        coarse, strength = make_condition(crop, rng, self.recipe)
        return crop.transpose(2, 0, 1), coarse.transpose(2, 0, 1), metres, strength, o


def make_sampler(root, recipe: dict, manifest_path) -> Sampler:
    """Read a folder of shards, or the pictures of a manifest."""
    smallest = min(b["size"] for b in recipe["batches"])
    index = dataset.read_index(root)
    if index is not None:
        return Sampler(dataset.read_layers(root, index, smallest), recipe)
    manifest = read_manifest(manifest_path)
    return Sampler(build_layers(load_scenes(root, manifest), manifest, smallest), recipe)
