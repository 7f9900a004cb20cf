import json

import numpy as np
import pytest
import tifffile
from PIL import Image

from tessera_train import dataset, geotiff
from tessera_train.data import make_sampler
from tessera_train.imagery import load_scenes, manifest_digest, read_manifest

NAMES = ("target", "coarse", "metres", "strength", "octave", "rows")


@pytest.fixture
def shards(imagery, tmp_path):
    root, sources = imagery
    command = ["build", "--sources", str(sources), "--data", str(root), "--out", str(tmp_path / "shards")]
    dataset.main([*command, "--shard-mebibytes", "0"])  # a shard for every layer
    return tmp_path / "shards"


@pytest.mark.parametrize("streams", ["batch", "crop"])
def test_shards_give_the_batches_of_the_pictures(imagery, recipe, shards, streams):
    recipe["streams"] = streams
    pictures, mapped = make_sampler(imagery[0], recipe, imagery[1]), make_sampler(shards, recipe, "no such manifest")
    for step in range(12):
        a, b = pictures.batch(step), mapped.batch(step)
        assert all(getattr(a, name).tobytes() == getattr(b, name).tobytes() for name in NAMES)


def test_shards_keep_digest_licence_and_resolution(imagery, shards):
    index = dataset.read_index(shards)
    assert index["digest"] == manifest_digest(imagery[0], read_manifest(imagery[1]))
    assert dataset.data_digest(shards, imagery[1]) == dataset.data_digest(imagery[0], imagery[1])
    assert dataset.credits(shards, None) == ["noise (none)", "noise (none)"]
    assert {s["metres"] for s in index["scenes"]} == {1.0, 8.0}
    assert len(index["shards"]) == len(index["layers"]) == 8
    layers = dataset.read_layers(shards, index, 32)
    masked = [layer for layer in layers if layer.scene.source == "masked"]
    assert [layer.pixels.shape for layer in masked] == [(300, 260, 3), (150, 130, 3)]
    assert not masked[0].valid[:, 200:].any() and masked[0].valid[:, :200].all()


def test_a_changed_shard_is_found(shards):
    dataset.main(["check", str(shards)])
    file = shards / "shard-00000.u8"
    data = bytearray(file.read_bytes())
    data[7] ^= 1
    file.write_bytes(data)
    with pytest.raises(SystemExit, match="bytes have changed"):
        dataset.main(["check", str(shards)])
    file.write_bytes(data[:-1])
    with pytest.raises(ValueError, match="build the shards again"):
        dataset.read_index(shards)


def test_shards_are_not_overwritten(imagery, shards):
    with pytest.raises(ValueError, match="empty folder"):
        dataset.build(imagery[1], imagery[0], shards)


def manifest(imagery, **changes):
    root, path = imagery
    content = read_manifest(path)
    content["sources"][0] |= changes
    path.write_text(json.dumps(content))
    return content


def fails(imagery, tmp_path, match):
    with pytest.raises(ValueError, match=match):
        dataset.build(imagery[1], imagery[0], tmp_path / "out")
    assert not (tmp_path / "out" / "index.json").exists()


def test_faults_of_the_imagery_are_named(imagery, tmp_path):
    masked = imagery[0] / "masked"
    Image.fromarray(np.ones((10, 10), bool)).save(masked / "mask.png")
    fails(imagery, tmp_path, r"scene.png: mask is \(10, 10\), picture is \(300, 260\)")
    (masked / "mask.png").unlink()
    fails(imagery, tmp_path, "mask.png: not readable as a mask")
    (masked / "scene.png").write_bytes(b"no picture")
    fails(imagery, tmp_path, "scene.png: not readable as a picture")
    (masked / "scene.png").unlink()
    fails(imagery, tmp_path, "no picture matches 'scene.png'")


def test_faults_of_the_manifest_are_named(imagery, tmp_path):
    manifest(imagery, resolution={"by_name": {}})
    fails(imagery, tmp_path, "scene.png: no ground resolution")
    manifest(imagery, resolution={"index": "gsd_m"})
    fails(imagery, tmp_path, "index.json is missing")
    manifest(imagery, resolution={"metres": -2})
    fails(imagery, tmp_path, "no ground resolution")
    manifest(imagery, resolution={"metres": 1}, alpha=True)
    fails(imagery, tmp_path, "no fourth band")
    content = manifest(imagery)
    del content["sources"][0]["licence"]
    imagery[1].write_text(json.dumps(content))
    fails(imagery, tmp_path, "'masked' lacks licence")


def test_samples_of_sixteen_bits_and_single_bands_are_refused(imagery, tmp_path):
    manifest(imagery, files="*.tif", mask="mask.png")
    path = imagery[0] / "masked" / "scene.tif"
    tifffile.imwrite(path, np.zeros((300, 260, 3), np.uint16), photometric="rgb")
    fails(imagery, tmp_path, "uint16 samples")
    tifffile.imwrite(path, np.zeros((300, 260), np.uint8))
    fails(imagery, tmp_path, "three bands")


def test_no_data_and_transparency_are_masks(imagery):
    root, _ = imagery
    pixels = np.random.default_rng(0).integers(1, 255, (64, 64, 4), dtype=np.uint8)
    pixels[..., 3] = 255
    pixels[:10, :, 3] = 0
    pixels[:, :5, :3] = 0
    content = manifest(imagery, files="*.tif", alpha=True, nodata=0)
    del content["sources"][0]["mask"]
    tifffile.imwrite(root / "masked" / "scene.tif", pixels, photometric="rgb", extrasamples=["unassalpha"])
    scene = next(load_scenes(root, content))
    assert scene.pixels.shape == (64, 64, 3)
    assert not scene.valid[:10].any() and not scene.valid[:, :5].any() and scene.valid[10:, 5:].all()


def geo(path, keys: dict, scale, tie, shape=(40, 60, 3)):
    entries = [1, 1, 0, len(keys)] + [v for key, value in sorted(keys.items()) for v in (key, 0, 1, value)]
    tags = [(33550, "d", 3, (*scale, 0.0)), (33922, "d", 6, (0.0, 0.0, 0.0, *tie, 0.0)),
            (34735, "H", len(entries), entries)]
    tifffile.imwrite(path, np.full(shape, 100, np.uint8), photometric="rgb", extratags=tags)
    return path


MODEL, GEOGRAPHIC, ANGLE, PROJECTED, UNIT = 1024, 2048, 2054, 3072, 3076


@pytest.mark.parametrize("keys,scale,tie,metres", [
    ({MODEL: 1, PROJECTED: 32645, UNIT: 9001}, (30, 30), (478000, 3108140), 30),
    ({MODEL: 1, PROJECTED: 26914}, (5, 5), (485900, 5209247), 5),
    ({MODEL: 1, PROJECTED: 2263, UNIT: 9003}, (10, 10), (9e5, 2e5), 3.048006),
    ({MODEL: 1, PROJECTED: 3857, UNIT: 9001}, (100, 100), (0, 8399737.9 + 2000), 50),
    ({MODEL: 2, GEOGRAPHIC: 4326, ANGLE: 9102}, (1e-4, 1e-4), (10, 60.002), 5.565975),
    ({MODEL: 2, GEOGRAPHIC: 4326}, (1e-3, 1e-3), (10, 0.02), 111.319491),
])
def test_a_geotiff_tells_its_ground_resolution(tmp_path, keys, scale, tie, metres):
    path = geo(tmp_path / "scene.tif", keys, scale, tie)
    assert geotiff.ground_resolution(path) == pytest.approx(metres, rel=1e-5)


@pytest.mark.parametrize("keys,match", [
    ({MODEL: 1, PROJECTED: 32767}, "linear unit"), ({MODEL: 3}, "neither a projected nor a geographic"),
    ({MODEL: 2, ANGLE: 9105}, "degrees"), ({MODEL: 2, ANGLE: 9102}, "latitude"),
])
def test_a_geotiff_that_does_not_is_refused(tmp_path, keys, match):
    with pytest.raises(ValueError, match=match):
        geotiff.ground_resolution(geo(tmp_path / "scene.tif", keys, (1, 1), (0, 200)))


def test_a_plain_tiff_has_no_georeference(tmp_path):
    path = tmp_path / "plain.tif"
    tifffile.imwrite(path, np.zeros((4, 4, 3), np.uint8), photometric="rgb")
    with pytest.raises(ValueError, match="no georeference"):
        geotiff.ground_resolution(path)
    path.write_bytes(b"II")
    with pytest.raises(ValueError, match="not readable as a GeoTIFF"):
        geotiff.ground_resolution(path)


def test_a_manifest_can_ask_the_geotiffs(imagery):
    root, _ = imagery
    content = manifest(imagery, files="*.tif", resolution={"geotiff": True})
    del content["sources"][0]["mask"]
    geo(root / "masked" / "a.tif", {MODEL: 1, PROJECTED: 32645, UNIT: 9001}, (2, 2), (0, 0))
    assert next(load_scenes(root, content)).metres == 2.0
