"""An independent reading of a mosaic's directory: SQLite, Pillow and NumPy, nothing of the program's own."""

import io
import json
import sqlite3

import numpy
import rasterio
from PIL import Image
from rasterio.transform import from_origin

RESOLUTION = 156543.03392804097

_linear = numpy.arange(256) / 255
_linear = numpy.where(_linear <= 0.04045, _linear / 12.92, ((_linear + 0.055) / 1.055) ** 2.4)
DECODED = numpy.rint(_linear * 65535).astype(numpy.int64)
_coded = numpy.arange(65536) / 65535
_coded = numpy.where(_coded <= 0.0031308, _coded * 12.92, 1.055 * _coded ** (1 / 2.4) - 0.055)
ENCODED = numpy.rint(_coded * 255).astype(numpy.uint8)


def decode(data):
    return numpy.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))


def halve(pixels):
    """The mean of 2 × 2 pixels in linear light, weighted by alpha, in integers."""
    height, width = pixels.shape[0] // 2, pixels.shape[1] // 2
    block = pixels.reshape(height, 2, width, 2, 4).transpose(0, 2, 1, 3, 4).reshape(height, width, 4, 4)
    alpha = block[..., 3].astype(numpy.int64)
    total = alpha.sum(-1)
    light = (DECODED[block[..., :3]] * alpha[..., None]).sum(-2)
    weighted = (light + (total // 2)[..., None]) // numpy.maximum(total, 1)[..., None]
    plain = (DECODED[block[..., :3]].sum(-2) + 2) // 4
    mean = numpy.where((total == 1020)[..., None], plain, weighted)
    out = numpy.zeros((height, width, 4), numpy.uint8)
    out[..., :3] = numpy.where((total > 0)[..., None], ENCODED[mean], 0)
    out[..., 3] = (total + 2) // 4
    return out


class Mosaic:
    def __init__(self, path):
        self.path = path
        description = json.loads((path / "mosaic.json").read_text())
        self.digest = description["identity"]
        level = description["levels"]
        self.zoom = description["canvas"]["baseZoom"] + 2 * level
        self.tiles = {}
        self.cells = sorted((path / "levels" / str(level)).glob("cell_*.mbtiles"))
        for cell in self.cells:
            with sqlite3.connect(f"file:{cell}?mode=ro", uri=True) as db:
                rows = db.execute(
                    "SELECT tile_column, tile_row, tile_data FROM tiles WHERE zoom_level = ?", [self.zoom])
                for column, row, data in rows:
                    self.tiles[column, 2**self.zoom - 1 - row] = decode(data)
        columns = [x for x, _ in self.tiles]
        rows = [y for _, y in self.tiles]
        self.x, self.y = min(columns), min(rows)
        self.columns, self.rows = max(columns) - self.x + 1, max(rows) - self.y + 1

    def pyramid(self):
        """Every tile by zoom, column and row; overviews from the finest tiles alone."""
        level = dict(self.tiles)
        result = {}
        for zoom in range(self.zoom, -1, -1):
            level = {at: tile for at, tile in level.items() if tile[..., 3].any()}
            result.update({(zoom, *at): tile for at, tile in level.items()})
            parents = {}
            for x, y in {(x // 2, y // 2) for x, y in level}:
                whole = numpy.zeros((512, 512, 4), numpy.uint8)
                for dy in range(2):
                    for dx in range(2):
                        if (2 * x + dx, 2 * y + dy) in level:
                            part = level[2 * x + dx, 2 * y + dy]
                            whole[256 * dy:256 * dy + 256, 256 * dx:256 * dx + 256] = part
                parents[x, y] = halve(whole)
            level = parents
        return result

    def pixels(self):
        out = numpy.zeros((self.rows * 256, self.columns * 256, 4), numpy.uint8)
        for (x, y), tile in self.tiles.items():
            out[(y - self.y) * 256:(y - self.y + 1) * 256, (x - self.x) * 256:(x - self.x + 1) * 256] = tile
        return out

    @property
    def box(self):
        """Left, top, right, bottom in metres of EPSG:3857."""
        size = RESOLUTION / 2**self.zoom * 256
        left, top = self.x * size - RESOLUTION * 128, RESOLUTION * 128 - self.y * size
        return left, top, left + self.columns * size, top - self.rows * size

    def write_tiff(self, path):
        pixels = self.pixels()
        size = RESOLUTION / 2**self.zoom
        with rasterio.open(
                path, "w", driver="GTiff", width=pixels.shape[1], height=pixels.shape[0], count=4, dtype="uint8",
                crs="EPSG:3857", transform=from_origin(*self.box[:2], size, size)) as file:
            file.write(pixels.transpose(2, 0, 1))
