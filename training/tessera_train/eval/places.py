"""Crops of places by octave of ground resolution, and boxes of the base map."""

import numpy as np
from PIL import Image

from ..data import Sampler, build_layers
from ..imagery import load_scenes, read_manifest

OCTAVES = (0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12)


def draw_crops(data, manifest_path, size=128, count=8, octaves=OCTAVES, seed=1, dull_kept=0.05):
    """Draw crops: octave → [(crop (size, size, 3) uint8, metres)]; the same at every call."""
    manifest = read_manifest(manifest_path)
    layers = build_layers(load_scenes(data, manifest), manifest, size)
    recipe = {"octave_weights": {str(o): 1 for o in octaves}, "batches": [{"size": size}], "places": {},
              "dull_deviation": 3.0, "dull_kept": dull_kept}
    sampler = Sampler(layers, recipe)
    table = sampler.tables[size]
    crops = {}
    for o in octaves:
        if o not in table:
            continue
        rng = np.random.Generator(np.random.Philox(key=[seed, o]))
        only = Sampler.__new__(Sampler)
        only.recipe, only.weights, only.tables = recipe, {o: 1.0}, {size: {o: table[o]}}
        crops[o] = [only.draw(rng, size)[:2] for _ in range(count)]
    return crops


def boxes(data, manifest_path, names=None, source="bluemarble_4890m"):
    """Boxes of the base map: name → (pixels, metres per pixel)."""
    manifest = read_manifest(manifest_path)
    manifest["sources"] = [s for s in manifest["sources"] if s["name"] == source]
    found = {s.name.rsplit(".", 1)[0]: (s.pixels, s.metres) for s in load_scenes(data, manifest)}
    unknown = set(names or found) - set(found)
    if unknown:
        raise ValueError(f"no box {', '.join(sorted(unknown))} in {data}; there are {', '.join(sorted(found))}")
    return {name: found[name] for name in names or sorted(found)}


def scene(data, manifest_path, source: str, name: str):
    """One picture of a source."""
    manifest = read_manifest(manifest_path)
    manifest["sources"] = [{**s, "files": name} for s in manifest["sources"] if s["name"] == source]
    found = list(load_scenes(data, manifest))
    if len(found) != 1:
        raise ValueError(f"{data}/{source}/{name}: {len(found)} pictures, not one")
    return found[0]


def middle(image, size):
    y, x = (image.shape[0] - size) // 2, (image.shape[1] - size) // 2
    return np.ascontiguousarray(image[y : y + size, x : x + size])


def bicubic(coarse, factor=4):
    h, w = coarse.shape[:2]
    return np.asarray(Image.fromarray(coarse).resize((w * factor, h * factor), Image.Resampling.BICUBIC))
