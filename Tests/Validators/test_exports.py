"""Every export, read by programs that are not ours, against one reference."""

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import jsonschema
import morecantile
import numpy
import pystac.validation
import pytest
import rasterio
from pmtiles.reader import MmapSource, Reader, all_tiles
from pmtiles.tile import zxy_to_tileid
from rio_cogeo.cogeo import cog_validate

import mosaics
from conftest import tessera

both = pytest.mark.parametrize("name", ["mosaic", "date_line"])


def run(*command):
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout


def checksums(path, box, scratch, *options):
    """What `gdalinfo -checksum` says of a rectangle."""
    part = scratch / f"part{random.getrandbits(40)}.vrt"
    run("gdal_translate", "-q", "-of", "VRT", *options, "-projwin", *map(repr, box), path, part)
    text = run("gdalinfo", "-checksum", part)
    return [line.strip() for line in text.splitlines() if "Size is" in line or "Checksum=" in line]


@pytest.fixture
def case(name, request):
    return request.getfixturevalue(name), request.getfixturevalue(f"{name}_exports")


@both
@pytest.mark.parametrize("file", [
    "xyz/tms.xml", "xyz/WMTSCapabilities.xml", "STACTA", "m.mbtiles", "cog/mosaic.vrt", "m.tif"])
def test_gdal_reads_the_same_pixels(case, file, tmp_path):
    mosaic, out = case
    options = []
    path = out / file
    if file == "STACTA":
        path = f'STACTA:"{out}/rgba/stac.json"'
        options = ["-oo", "SKIP_MISSING_METATILE=YES"]
    expected = checksums(out / "reference.tif", mosaic.box, tmp_path)
    assert len(expected) == 5
    assert checksums(path, mosaic.box, tmp_path, *options) == expected


@both
def test_directory_holds_every_tile_and_overview(case):
    mosaic, out = case
    expected = mosaic.pyramid()
    found = {tuple(map(int, path.relative_to(out / "xyz").with_suffix("").parts)): path
             for path in (out / "xyz").glob("*/*/*.png")}
    assert found.keys() == expected.keys()
    for address, path in found.items():
        assert numpy.array_equal(mosaics.decode(path.read_bytes()), expected[address]), address


@both
def test_tiles_are_sound_png(case):
    mosaic, out = case
    for folder in ["xyz", "rgba"]:
        tiles = sorted((out / folder).glob("*/*/*.png"))
        assert tiles
        run("pngcheck", "-q", *tiles)
    text = run("pngcheck", "-t", tiles[0])
    assert "Job" in text
    job = json.loads((out / "xyz" / "provenance.json").read_text())["job"]
    assert job in text


def test_tiles_are_as_small_as_they_can_be(mosaic, mosaic_exports):
    """RGB where opaque, RGBA only where not."""
    for path in (mosaic_exports / "xyz").glob("*/*/*.png"):
        data = path.read_bytes()
        opaque = (mosaics.decode(data)[..., 3] == 255).all()
        assert (data[25] & 4 == 0) == opaque, path


@both
def test_mbtiles(case):
    mosaic, out = case
    files = [out / "m.mbtiles", *mosaic.cells]
    for file in files:
        with sqlite3.connect(file) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert db.execute("PRAGMA application_id").fetchone() == (0x4D504258,)
            metadata = dict(db.execute("SELECT name, value FROM metadata"))
            assert {"name", "format", "bounds", "minzoom", "maxzoom", "description"} <= metadata.keys()
            assert metadata["format"] == "png" and "ynthetic" in metadata["description"]
            zooms = db.execute("SELECT min(zoom_level), max(zoom_level) FROM tiles").fetchone()
            assert zooms == (int(metadata["minzoom"]), int(metadata["maxzoom"]))
    with sqlite3.connect(out / "m.mbtiles") as db:
        stored = {(z, x, 2**z - 1 - y): data for z, x, y, data in db.execute("SELECT * FROM tiles")}
        for name in ["job", "seed", "sampler", "model_digest", "base_map_digest", "software", "note"]:
            assert dict(db.execute("SELECT name, value FROM metadata"))[f"tessera_{name}"]
    assert stored == xyz(out)


def xyz(out):
    return {tuple(map(int, path.relative_to(out / "xyz").with_suffix("").parts)): path.read_bytes()
            for path in (out / "xyz").glob("*/*/*.png")}


@both
def test_pmtiles(case):
    mosaic, out = case
    with open(out / "m.pmtiles", "rb") as file:
        source = MmapSource(file)
        reader = Reader(source)
        header = reader.header()
        assert {at: data for at, data in all_tiles(source)} == xyz(out)
        assert header["clustered"] and (header["min_zoom"], header["max_zoom"]) == (0, mosaic.zoom)
        assert header["addressed_tiles_count"] == len(xyz(out))
        assert header["tile_contents_count"] == len(set(xyz(out).values()))
        assert "ynthetic" in reader.metadata()["description"]
        assert reader.metadata()["tessera"]["seed"] == "7"
        for at, data in xyz(out).items():
            assert reader.get(*at) == data
        empty = next(at for at in [(mosaic.zoom, 0, 2**mosaic.zoom - 1), (mosaic.zoom, 3, 3)] if at not in xyz(out))
        assert reader.get(*empty) is None
    assert zxy_to_tileid(mosaic.zoom, 0, 0) == (4**mosaic.zoom - 1) // 3


@both
def test_cogs(case):
    mosaic, out = case
    files = sorted((out / "cog").glob("*.tif"))
    assert len(files) == len(mosaic.cells)
    expected = mosaic.pyramid()
    for file in files:
        valid, errors, warnings = cog_validate(file, strict=True)
        assert valid and not errors, (errors, warnings)
        run("/usr/bin/python3", "-m", "osgeo_utils.samples.validate_cloud_optimized_geotiff", "-q", file)
        with rasterio.open(file) as whole:
            assert "ynthetic" in whole.tags()["TIFFTAG_IMAGEDESCRIPTION"]
            assert whole.tags()["TESSERA_SEED"] == "7"
            count = len(whole.overviews(1))
            left, top = whole.transform.c, whole.transform.f
        for level in range(count):
            with rasterio.open(file, OVERVIEW_LEVEL=level) as overview:
                pixels = overview.read().transpose(1, 2, 0)
            zoom = mosaic.zoom - 1 - level
            size = mosaics.RESOLUTION / 2**zoom
            x0 = round((left + mosaics.RESOLUTION * 128) / size)
            y0 = round((mosaics.RESOLUTION * 128 - top) / size)
            for y in range(0, pixels.shape[0], 37):
                for x in range(0, pixels.shape[1], 41):
                    tile = expected.get((zoom, (x0 + x) // 256, (y0 + y) // 256))
                    value = tile[(y0 + y) % 256, (x0 + x) % 256] if tile is not None else [0] * 4
                    assert list(pixels[y, x]) == list(value)[:pixels.shape[2]], (zoom, x, y)


@both
def test_stac(case):
    mosaic, out = case
    for file in ["xyz/stac.json", "rgba/stac.json", "cog/stac.json"]:
        item = json.loads((out / file).read_text())
        # The core's schemas come with the library; those of extensions would be fetched.
        pystac.validation.validate_dict(item, extensions=[])
        assert item["stac_version"] == "1.1.0" and "ynthetic" in item["properties"]["description"]
        for asset in item["assets"].values():
            assert (out / file).parent.joinpath(asset["href"]).exists()
        links = item["properties"].get("tiles:tile_matrix_set_links", {}).get("WebMercatorQuad")
        if file.endswith("xyz/stac.json"):
            limits = links["limits"][str(mosaic.zoom)]
            assert limits == {
                "min_tile_col": mosaic.x, "max_tile_col": mosaic.x + mosaic.columns - 1,
                "min_tile_row": mosaic.y, "max_tile_row": mosaic.y + mosaic.rows - 1}


def test_bounds_over_the_antimeridian(date_line, date_line_exports):
    item = json.loads((date_line_exports / "xyz/stac.json").read_text())
    west, south, east, north = item["bbox"]
    assert west > 170 and east < -170 and item["geometry"]["type"] == "MultiPolygon"
    assert 84 < south < 85 and north == pytest.approx(85.0511287798, abs=1e-9)
    described = json.loads((date_line_exports / "xyz/tilejson.json").read_text())
    assert described["bounds"][0] == -180 and described["bounds"][2] == 180
    assert all(0 <= x < 2**z and 0 <= y < 2**z for z, x, y in xyz(date_line_exports))


@both
def test_tilejson(case):
    _, out = case
    described = json.loads((out / "xyz/tilejson.json").read_text())
    number = {"type": "integer", "minimum": 0, "maximum": 30}
    jsonschema.validate(described, {
        "type": "object", "required": ["tilejson", "tiles", "vector_layers"],
        "properties": {
            "tilejson": {"const": "3.0.0"}, "scheme": {"enum": ["xyz", "tms"]}, "minzoom": number, "maxzoom": number,
            "tiles": {"type": "array", "minItems": 1, "items": {
                "type": "string", "pattern": r"^[a-z]+://.*\{z\}/\{x\}/\{y\}"}},
            "bounds": {"type": "array", "minItems": 4, "maxItems": 4, "items": {"type": "number"}},
            "vector_layers": {"type": "array"}, "name": {"type": "string"}, "description": {"type": "string"},
            "attribution": {"type": "string"}}})
    assert "ynthetic" in described["description"]


@both
def test_grid_is_web_mercator_quad(case):
    mosaic, out = case
    grid = morecantile.tms.get("WebMercatorQuad")
    item = json.loads((out / "xyz/stac.json").read_text())
    matrices = item["properties"]["tiles:tile_matrix_sets"]["WebMercatorQuad"]["tileMatrix"]
    for matrix in matrices:
        known = grid.matrix(int(matrix["id"]))
        assert matrix["scaleDenominator"] == pytest.approx(known.scaleDenominator, rel=1e-12)
        assert matrix["topLeftCorner"] == pytest.approx(known.pointOfOrigin, rel=1e-12)
        assert (matrix["matrixWidth"], matrix["tileWidth"]) == (known.matrixWidth, known.tileWidth)
    corner = grid.xy_bounds(morecantile.Tile(mosaic.x, mosaic.y, mosaic.zoom))
    with rasterio.open(out / "cog/mosaic.vrt") as vrt:
        assert vrt.transform.c == pytest.approx(corner.left, abs=1e-6)
        assert vrt.transform.f == pytest.approx(corner.top, abs=1e-6)
    with sqlite3.connect(out / "m.mbtiles") as db:
        bounds = dict(db.execute("SELECT name, value FROM metadata"))["bounds"]
    last = grid.bounds(morecantile.Tile(
        mosaic.x + mosaic.columns - 1, mosaic.y + mosaic.rows - 1, mosaic.zoom))
    first = grid.bounds(morecantile.Tile(mosaic.x, mosaic.y, mosaic.zoom))
    assert [float(part) for part in bounds.split(",")] == pytest.approx(
        [first.left, last.bottom, last.right, first.top], abs=1e-9)


def test_equal_tiles_are_stored_once(mosaic, mosaic_exports):
    """In the archives and in the cells; the mosaic has tiles of one colour."""
    with sqlite3.connect(mosaic_exports / "m.mbtiles") as db:
        assert db.execute("SELECT count(*) FROM images").fetchone()[0] == len(set(xyz(mosaic_exports).values()))
    for cell in mosaic.cells:
        with sqlite3.connect(cell) as db:
            assert db.execute("SELECT count(*) - count(DISTINCT tile_data) FROM images").fetchone() == (0,)


def test_deep_zoom(picture, tmp_path):
    tessera("export", "dzi", picture.path, tmp_path / "p.dzi")
    text = (tmp_path / "p.dzi").read_text()
    assert 'Width="600"' in text and 'Height="400"' in text
    pixels = picture.pixels()[:400, :600]
    for level in range(10, 7, -1):
        folder = tmp_path / "p_files" / str(level)
        rows, columns = -(-pixels.shape[0] // 256), -(-pixels.shape[1] // 256)
        found = numpy.zeros((*pixels.shape[:2], 3), numpy.uint8)
        for y in range(0, pixels.shape[0], 256):
            for x in range(0, pixels.shape[1], 256):
                tile = folder / f"{x // 256}_{y // 256}.png"
                run("vips", "colourspace", tile, tmp_path / "tile.tif", "srgb")
                with rasterio.open(tmp_path / "tile.tif") as file:
                    part = file.read()[:3].transpose(1, 2, 0)
                assert part.shape[:2] == found[y:y + 256, x:x + 256].shape[:2]
                found[y:y + 256, x:x + 256] = part
        assert numpy.array_equal(found * (pixels[..., 3:] > 0), pixels[..., :3])
        padded = numpy.zeros((pixels.shape[0] + pixels.shape[0] % 2, pixels.shape[1] + pixels.shape[1] % 2, 4), "u1")
        padded[:pixels.shape[0], :pixels.shape[1]] = pixels
        pixels = mosaics.halve(padded)
    assert len(list((tmp_path / "p_files").glob("*/*.png"))) == 6 + 2 + 9
    tessera("export", "tiff", picture.path, tmp_path / "p.tif")
    with rasterio.open(tmp_path / "p.tif") as file:
        assert numpy.array_equal(file.read().transpose(1, 2, 0), picture.pixels()[:400, :600])
        assert file.crs is None
    assert "georeference" in tessera("export", "cog", picture.path, tmp_path / "cog", status=1)


def test_missing_tile_is_transparent_and_comes_back(mosaic, mosaic_exports, tmp_path):
    out = tmp_path / "xyz"
    tessera("export", "xyz", mosaic.path, out)
    lost = next((out / str(mosaic.zoom)).glob("*/*.png"))
    data = lost.read_bytes()
    lost.unlink()
    assert checksums(out / "tms.xml", mosaic.box, tmp_path) != checksums(
        mosaic_exports / "reference.tif", mosaic.box, tmp_path)
    assert "1 tile written" in tessera("export", "xyz", mosaic.path, out)
    assert lost.read_bytes() == data


@pytest.mark.parametrize("format", ["xyz", "mbtiles", "pmtiles", "cog", "tiff"])
def test_damaged_cell_is_a_clear_error(mosaic, format, tmp_path):
    copy = tmp_path / "m"
    shutil.copytree(mosaic.path, copy)
    cell = sorted((copy / "levels" / "1").glob("cell_*.mbtiles"))[0]
    whole = cell.read_bytes()
    cell.write_bytes(whole[:len(whole) // 2])
    text = tessera("export", format, copy, tmp_path / f"out.{format}", status=1)
    assert cell.name in text and "Traceback" not in text
    assert not (tmp_path / f"out.{format}").is_file()


def test_coordinator_serves_the_same_pixels(mosaic, mosaic_exports, tmp_path):
    """Through GDAL's WMS and WMTS drivers over HTTP; a tile that is final is kept for ever."""
    copy = tmp_path / "m"
    shutil.copytree(mosaic.path, copy)
    command = [os.environ["TESSERA"], "serve", "--out", copy, "--listen", "tcp://127.0.0.1:*", "--http", "127.0.0.1:0",
               "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            url = json.loads(server.stdout.readline())["http"].rstrip("/")
            expected = checksums(mosaic_exports / "reference.tif", mosaic.box, tmp_path)
            for source in [f"{url}/tiles/-/tms.xml", f"WMTS:{url}/tiles/-/WMTSCapabilities.xml"]:
                assert checksums(source, mosaic.box, tmp_path) == expected, source
            template = json.load(urllib.request.urlopen(f"{url}/tiles/-.json"))["tiles"][0]
            for (zoom, x, y), data in list(xyz(mosaic_exports).items())[::7]:
                address = template.replace("{z}", str(zoom)).replace("{x}", str(x)).replace("{y}", str(y))
                with urllib.request.urlopen(address) as reply:
                    assert reply.read() == data
                    assert "immutable" in reply.headers["Cache-Control"]
                    tag = reply.headers["ETag"]
            with pytest.raises(urllib.error.HTTPError, match="304"):
                urllib.request.urlopen(urllib.request.Request(address, headers={"If-None-Match": tag}))
            with urllib.request.urlopen(f"{url}/tiles/{mosaic.zoom}/0/0.png") as reply:
                assert reply.status == 204
        finally:
            server.terminate()


def test_address_on_the_web(mosaic, tmp_path):
    tessera("export", "xyz", mosaic.path, tmp_path / "o", "--url", "https://example.org/a&b/")
    described = json.loads((tmp_path / "o/tilejson.json").read_text())
    assert described["tiles"] == ["https://example.org/a&b/{z}/{x}/{y}.png"]
    assert "https://example.org/a&amp;b/{TileMatrix}/{TileCol}/{TileRow}.png" in (
        tmp_path / "o/WMTSCapabilities.xml").read_text()


if __name__ == "__main__":
    sys.exit(pytest.main([str(Path(__file__).parent), "-q"]))
