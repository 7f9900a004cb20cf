"""Training batches: a pure function of the scenes, the recipe and (seed, step)."""

import math
import multiprocessing
from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from .degrade import degrade, draw_strength
from .imagery import Scene, all_valid, area_average, load_scenes, read_manifest

MAX_LATITUDE = 72.0


@dataclass
class Layer:
    """A scene averaged by an integer factor: what crops are cut from."""

    scene: Scene
    factor: int
    pixels: np.ndarray
    valid: np.ndarray | None

    def resolution(self, row: float) -> float:
        return self.scene.resolution(row * self.factor) * self.factor


@dataclass
class Batch:
    """target (N, 3, H, W) and coarse (N, 3, H/4, W/4) uint8; metres, strength, octave (N,)."""

    step: int
    target: np.ndarray
    coarse: np.ndarray
    metres: np.ndarray
    strength: np.ndarray
    octave: np.ndarray


def octave(metres: float) -> int:
    """Nearest power of two of a ground resolution."""
    return int(round(math.log2(metres)))


def build_layers(scenes, manifest: dict, smallest: int) -> list[Layer]:
    factors = {source["name"]: source.get("factors", manifest["factors"]) for source in manifest["sources"]}
    layers = []
    for scene in scenes:
        for factor in factors[scene.source]:
            if min(scene.pixels.shape[:2]) // factor < smallest:
                continue
            valid = None if scene.valid is None else all_valid(scene.valid, factor)
            if valid is not None and not valid.any():
                continue
            layers.append(Layer(scene, factor, area_average(scene.pixels, factor), valid))
    return layers


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

    def batch(self, step: int) -> Batch:
        """Make the batch of a step; equal arguments give equal bytes."""
        rng = np.random.Generator(np.random.Philox(key=[self.recipe["seed"], step]))
        shapes = self.recipe["batches"]
        shape = self.choose(rng, shapes, [b["share"] for b in shapes])
        targets, coarses, metres, strengths, octaves = [], [], [], [], []
        for _ in range(shape["count"]):
            crop, resolution, o = self.draw(rng, shape["size"])
            crop = np.rot90(crop, int(rng.integers(4)))
            if rng.random() < 0.5:
                crop = crop[:, ::-1]
            u = draw_strength(rng, self.recipe["clean"])
            size = shape["size"] // 4
            mean = crop.reshape(size, 4, size, 4, 3).mean(axis=(1, 3), dtype=np.float32)
            targets.append(crop.transpose(2, 0, 1))
            coarses.append(degrade(mean, u, rng).transpose(2, 0, 1))
            metres.append(resolution)
            strengths.append(u)
            octaves.append(o)
        return Batch(step, np.ascontiguousarray(targets), np.ascontiguousarray(coarses), np.float32(metres),
                     np.float32(strengths), np.array(octaves))


def make_sampler(root, recipe: dict, manifest_path) -> Sampler:
    manifest = read_manifest(manifest_path)
    smallest = min(b["size"] for b in recipe["batches"])
    return Sampler(build_layers(load_scenes(root, manifest), manifest, smallest), recipe)


def _produce(queue, root, recipe, manifest_path, first_step):
    try:
        sampler = make_sampler(root, recipe, manifest_path)
        step = first_step
        while True:
            queue.put(sampler.batch(step))
            step += 1
    except BaseException as error:  # the consumer has to hear of it
        queue.put(error)
        raise


class BackgroundBatches:
    """Iterate over batches made in one background process."""

    def __init__(self, root, recipe, manifest_path, first_step: int, ahead: int = 12):
        context = multiprocessing.get_context("spawn")
        self.queue = context.Queue(maxsize=ahead)
        self.process = context.Process(
            target=_produce, args=(self.queue, str(root), recipe, str(manifest_path), first_step), daemon=True
        )
        self.process.start()

    def __next__(self) -> Batch:
        item = self.queue.get()
        if isinstance(item, BaseException):
            raise item
        return item

    def close(self):
        self.process.terminate()
        self.process.join()
