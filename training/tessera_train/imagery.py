"""Scenes of true-colour imagery with their ground resolution, mask and place."""

import fnmatch
import functools
import hashlib
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from . import geotiff

Image.MAX_IMAGE_PIXELS = None
EQUATOR_METRES = 2 * math.pi * 6378137.0


@dataclass
class Scene:
    """One picture: pixels (H, W, 3) uint8, valid (H, W) bool or None, metres per pixel at a row."""

    source: str
    place: str
    name: str
    pixels: np.ndarray
    valid: np.ndarray | None
    metres: float
    mercator_zoom: int | None = None

    def resolution(self, row: float) -> float:
        """Ground resolution in metres per pixel at a (fractional) pixel row."""
        if self.mercator_zoom is None:
            return self.metres
        world = 256 * 2**self.mercator_zoom
        latitude = math.atan(math.sinh(math.pi * (1 - 2 * row / world)))
        return EQUATOR_METRES / world * math.cos(latitude)


@dataclass
class Layer:
    """A scene averaged by an integer factor: what crops are cut from."""

    scene: Scene
    factor: int
    pixels: np.ndarray
    valid: np.ndarray | None

    def resolution(self, row: float) -> float:
        return self.scene.resolution(row * self.factor) * self.factor


def layers_of(scene: Scene, factors, smallest: int):
    """Yield a scene's layers that are `smallest` pixels wide and tall and valid somewhere."""
    for factor in factors:
        if min(scene.pixels.shape[:2]) // factor < smallest:
            continue
        valid = None if scene.valid is None else all_valid(scene.valid, factor)
        if valid is None or valid.any():
            yield Layer(scene, factor, area_average(scene.pixels, factor), valid)


def read_picture(path: Path) -> np.ndarray:
    """Read a JPEG, PNG or TIFF as (H, W, 3) uint8."""
    try:
        if not is_tiff(path):
            return np.asarray(Image.open(path).convert("RGB"))
        pixels = bands(path)
    except FileNotFoundError:
        raise
    except Exception as error:
        raise ValueError(f"{path}: not readable as a picture ({error}); repair it or leave it out") from error
    if pixels.dtype != np.uint8:
        raise ValueError(f"{path}: {pixels.dtype} samples; convert the picture to 8 bits first")
    if pixels.ndim != 3 or pixels.shape[2] < 3:
        raise ValueError(f"{path}: shape {pixels.shape}; three bands (red, green, blue) are needed")
    return np.ascontiguousarray(pixels[..., :3])


def is_tiff(path: Path) -> bool:
    return path.suffix.lower() in (".tif", ".tiff")


def bands(path: Path) -> np.ndarray:
    """Read every band of a TIFF as (H, W, bands)."""
    pixels = tifffile.imread(path)
    if pixels.ndim == 3 and pixels.shape[0] in (3, 4) and pixels.shape[2] not in (3, 4):
        pixels = np.moveaxis(pixels, 0, 2)
    return pixels


def read_mask(path: Path) -> np.ndarray:
    """Read a mask picture: True where it is not black."""
    try:
        return np.asarray(Image.open(path).convert("L")) > 0
    except Exception as error:
        raise ValueError(f"{path}: not readable as a mask ({error})") from error


def area_average(pixels: np.ndarray, factor: int) -> np.ndarray:
    """Average factor×factor blocks of (H, W, C) uint8 exactly, round half up; a rest that fills no block is cut."""
    if factor == 1:
        return pixels
    h, w = pixels.shape[0] // factor, pixels.shape[1] // factor
    blocks = pixels[: h * factor, : w * factor].reshape(h, factor, w, factor, -1)
    total = blocks.sum(axis=1, dtype=np.uint32).sum(axis=2, dtype=np.uint32)
    area = factor * factor
    return ((2 * total + area) // (2 * area)).astype(np.uint8)


def all_valid(mask: np.ndarray, factor: int) -> np.ndarray:
    """Reduce a boolean mask (H, W): a block is valid when all its pixels are."""
    h, w = mask.shape[0] // factor, mask.shape[1] // factor
    return mask[: h * factor, : w * factor].reshape(h, factor, w, factor).all(axis=(1, 3))


def read_manifest(path: Path) -> dict:
    with open(path) as file:
        return json.load(file)


def scene_files(root: Path, source: dict) -> list[Path]:
    folder = Path(root) / source["name"]
    skipped = {source.get("mask")}
    names = sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []
    return [
        folder / name
        for name in names
        if fnmatch.fnmatch(name, source["files"])
        and name not in skipped
        and not name.endswith((".json", "_valid.png"))
    ]


def load_scenes(root: Path, manifest: dict):
    """Yield the scenes of every source under `root`, in a fixed order."""
    for source in manifest["sources"]:
        for path in scene_files(root, source):
            yield load_scene(path, source)


def load_scene(path: Path, source: dict) -> Scene:
    pixels = read_picture(path)
    valid = valid_pixels(path, source, pixels)
    if valid is not None and valid.shape != pixels.shape[:2]:
        raise ValueError(f"{path}: mask is {valid.shape}, picture is {pixels.shape[:2]}")
    place = re.match(source.get("place", "^(.*)$"), path.stem)
    if place is None:
        raise ValueError(f"{path}: the pattern of `place` does not match this name")
    zoom = source["resolution"].get("mercator_zoom")
    metres = math.nan if zoom is not None else ground_resolution(path, source["resolution"])
    return Scene(source["name"], place.group(1), path.name, pixels, valid, metres, zoom)


def valid_pixels(path: Path, source: dict, pixels: np.ndarray) -> np.ndarray | None:
    """What the source's rules leave of a picture: masks, an alpha band, a value that means no data."""
    valid = None
    for key in ("mask", "valid"):
        if key in source:
            valid = read_mask(path.parent / source[key].format(stem=path.stem))
    if source.get("alpha"):
        every = bands(path) if is_tiff(path) else np.asarray(Image.open(path))
        if every.ndim != 3 or every.shape[2] != 4:
            raise ValueError(f"{path}: the source says `alpha`, but the picture has no fourth band")
        opaque = every[..., 3] > 0
        valid = opaque if valid is None else valid & opaque
    if "nodata" in source:
        there = (pixels != source["nodata"]).any(axis=2)
        valid = there if valid is None else valid & there
    return valid


def ground_resolution(path: Path, rule: dict) -> float:
    """Metres per pixel by the rule of a source's manifest entry."""
    if "metres" in rule:
        metres = float(rule["metres"])
    elif rule.get("geotiff"):
        metres = geotiff.ground_resolution(path)
    else:
        named = dict(rule.get("by_name", {}))
        if "index" in rule:
            named = {**index_entries(path.parent, rule["index"]), **named}
        metres = float(named.get(path.name, math.nan))
    if not (math.isfinite(metres) and metres > 0):
        raise ValueError(f"{path}: no ground resolution; add it to index.json, or to `resolution` in the manifest")
    return metres


@functools.lru_cache(maxsize=64)
def read_index(path: str, changed: int, key: str) -> dict:
    with open(path) as file:
        return {entry["file"]: float(entry[key]) for entry in json.load(file) if entry.get(key) is not None}


def index_entries(folder: Path, key: str) -> dict:
    path = folder / "index.json"
    if not path.is_file():
        raise ValueError(f"{path} is missing: a list of {{\"file\": NAME, \"{key}\": METRES}} for its pictures")
    return read_index(str(path), path.stat().st_mtime_ns, key)


def manifest_digest(root: Path, manifest: dict) -> str:
    """SHA-256 over the manifest and the bytes of every picture and mask that training reads."""
    digest = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode())
    for source in manifest["sources"]:
        for path in scene_files(root, source):
            files = [path] + [
                path.parent / source[key].format(stem=path.stem) for key in ("mask", "valid") if key in source
            ]
            for file in files:
                digest.update(f"{source['name']}/{file.name}\n".encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()
