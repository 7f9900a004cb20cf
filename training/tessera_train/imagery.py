"""Scenes of true-colour imagery with their ground resolution, mask and place."""

import fnmatch
import hashlib
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

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


def read_picture(path: Path) -> np.ndarray:
    """Read a JPEG, PNG or TIFF as (H, W, 3) uint8."""
    if path.suffix.lower() in (".tif", ".tiff"):
        import tifffile

        pixels = tifffile.imread(path)
        if pixels.ndim == 3 and pixels.shape[0] in (3, 4) and pixels.shape[2] not in (3, 4):
            pixels = np.moveaxis(pixels, 0, 2)
        pixels = pixels[..., :3]
        if pixels.dtype != np.uint8:
            raise ValueError(f"{path}: {pixels.dtype} samples; convert the picture to 8 bits first")
        return np.ascontiguousarray(pixels)
    return np.asarray(Image.open(path).convert("RGB"))


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
        rule = source["resolution"]
        index = {}
        if "index" in rule and scene_files(root, source):
            entries = read_manifest(Path(root) / source["name"] / "index.json")
            index = {entry["file"]: float(entry[rule["index"]]) for entry in entries}
        for path in scene_files(root, source):
            named = {**index, **rule.get("by_name", {})}
            metres = float(rule.get("metres") or named.get(path.name, math.nan))
            zoom = rule.get("mercator_zoom")
            if zoom is None and not metres > 0:
                raise ValueError(f"{path}: no ground resolution; add it to index.json")
            valid = None
            for key in ("mask", "valid"):
                if key in source:
                    mask_path = path.parent / source[key].format(stem=path.stem)
                    valid = np.asarray(Image.open(mask_path).convert("L")) > 0
            place = re.match(source.get("place", "^(.*)$"), path.stem).group(1)
            pixels = read_picture(path)
            if valid is not None and valid.shape != pixels.shape[:2]:
                raise ValueError(f"{path}: mask is {valid.shape}, picture is {pixels.shape[:2]}")
            yield Scene(source["name"], place, path.name, pixels, valid, metres, zoom)


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
