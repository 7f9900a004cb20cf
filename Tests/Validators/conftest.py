"""Rendered mosaics, and the exports of them, for the validators.

    TESSERA=PATH TESSERA_REFERENCE=DIR python -m pytest Tests/Validators
"""

import os
import subprocess
from pathlib import Path

import numpy
import pytest
import rasterio
from rasterio.transform import from_origin

import mosaics

RESOLUTION = 156543.03392804097


def tessera(*arguments, status=0):
    command = [os.environ["TESSERA"], *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert result.returncode == status, f"{command}: {result.returncode}\n{result.stdout}\n{result.stderr}"
    return result.stdout + result.stderr


def render(out, box, *more):
    """Render one level of a box (west, south, east, north) with a network of random weights."""
    model = Path(os.environ["TESSERA_REFERENCE"]) / "small" / "model.safetensors"
    bounds = ",".join(repr(value) for value in box)
    return tessera(
        "render", f"--bbox={bounds}", "--levels", 1, "--seed", 7, "--out", out, "--workers", 1, "--batch", 4,
        "--threads", 1, "--sampler", "ddim", "--steps", 2, "--model", model, *more)


@pytest.fixture(scope="session")
def base_map(tmp_path_factory):
    """Tiles 76 … 83 × 40 … 47 of zoom 7, with nodata at the edges, a hole, noise, a slope and one colour."""
    side = 2048
    y, x = numpy.mgrid[0:side, 0:side]
    pixels = numpy.stack([x % 256, y % 256, (x + y) % 256]).astype(numpy.uint8) // 2 + 60
    pixels[:, 900:1300, :] = numpy.array([40, 90, 160], numpy.uint8)[:, None, None]
    pixels[:, (x - 700) ** 2 + (y - 400) ** 2 < 90**2] = 0
    pixels[:, (x < 300) | (y < 250 + x // 40) | (x > 1900)] = 0
    path = tmp_path_factory.mktemp("base") / "map.tif"
    size = RESOLUTION / 2**7
    corner = -RESOLUTION * 128
    with rasterio.open(
            path, "w", driver="GTiff", width=side, height=side, count=3, dtype="uint8", crs="EPSG:3857", nodata=0,
            transform=from_origin(corner + 76 * 256 * size, -corner - 40 * 256 * size, size, size)) as file:
        file.write(pixels)
    return path


@pytest.fixture(scope="session")
def mosaic(base_map, tmp_path_factory):
    """Two regions at zoom 9, in two cells: one over the hole and the nodata edge, one of a single colour."""
    out = tmp_path_factory.mktemp("mosaic") / "m"
    for box in [(36.65, 53.2, 38.95, 54.4), (45.75, 49.3, 46.85, 49.8)]:
        render(out, box, "--base", base_map, "--base-zoom", 7)
    return mosaics.Mosaic(out)


@pytest.fixture(scope="session")
def date_line(tmp_path_factory):
    """Both sides of the antimeridian, up to the limit of the projection, over the built-in map."""
    out = tmp_path_factory.mktemp("dateline") / "m"
    for box in [(178.0, 84.6, 179.999, 85.06), (-179.999, 84.7, -177.5, 85.06)]:
        render(out, box)
    return mosaics.Mosaic(out)


@pytest.fixture(scope="session")
def picture(tmp_path_factory):
    """A plain picture of 150 × 100 pixels, ×4."""
    folder = tmp_path_factory.mktemp("picture")
    y, x = numpy.mgrid[0:100, 0:150]
    pixels = numpy.stack([x, y, x + y]).astype(numpy.uint8)
    with rasterio.open(folder / "p.png", "w", driver="PNG", width=150, height=100, count=3, dtype="uint8") as file:
        file.write(pixels)
    model = Path(os.environ["TESSERA_REFERENCE"]) / "small" / "model.safetensors"
    tessera(
        "render", "--base", folder / "p.png", "--levels", 1, "--seed", 7, "--out", folder / "m", "--workers", 1,
        "--batch", 4, "--threads", 1, "--sampler", "ddim", "--steps", 2, "--model", model)
    return mosaics.Mosaic(folder / "m")


def exports(name):
    @pytest.fixture(scope="session", name=f"{name}_exports")
    def fixture(request, tmp_path_factory):
        source = request.getfixturevalue(name)
        out = tmp_path_factory.mktemp(f"exports of {name}")
        tessera("export", "xyz", source.path, out / "xyz")
        tessera("export", "xyz", source.path, out / "rgba", "--rgba")
        tessera("export", "mbtiles", source.path, out / "m.mbtiles")
        tessera("export", "pmtiles", source.path, out / "m.pmtiles")
        tessera("export", "cog", source.path, out / "cog")
        tessera("export", "tiff", source.path, out / "m.tif")
        source.write_tiff(out / "reference.tif")
        return out

    return fixture


mosaic_exports = exports("mosaic")
date_line_exports = exports("date_line")
