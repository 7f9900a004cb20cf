"""Turn folders of GeoTIFFs and pictures into shards that training maps into memory.

    python -m tessera_train.dataset build --sources manifest.json --data DIR --out SHARDS
    python -m tessera_train.dataset check SHARDS

SHARDS/shard-00000.u8 … hold pixels one after another: (height, width, 3) bytes of every scene at every factor of area
averaging, each followed by its mask, (height, width) bytes of 0 or 1, where it has one. SHARDS/index.json says what
lies where (`layers`), of which scene (`scenes`: source, place, name, ground resolution), under which licence and credit
(`sources`), the SHA-256 of every shard, and `digest`, that of the imagery and the manifest. Give SHARDS as --data to
training: the batches are those of the pictures, byte for byte, but nothing is decoded and all processes share one copy.
"""

import argparse
import hashlib
import json
import math
import os
from pathlib import Path

import numpy as np

from .imagery import Layer, Scene, layers_of, load_scene, manifest_digest, read_manifest, scene_files

FORMAT = "tessera-shards"
VERSION = 1
SMALLEST = 32


class Writer:
    """Append arrays to numbered files of about `shard_bytes`."""

    def __init__(self, out: Path, shard_bytes: int):
        self.out, self.shard_bytes = out, shard_bytes
        self.shards, self.file, self.digest, self.size = [], None, None, 0

    def write(self, arrays) -> tuple[int, list[int]]:
        """Write arrays into one shard; returns its number and their offsets."""
        if self.file is None or self.size >= self.shard_bytes:
            self.close()
            self.shards.append({"file": f"shard-{len(self.shards):05d}.u8"})
            self.file = open(self.out / self.shards[-1]["file"], "wb")
            self.digest, self.size = hashlib.sha256(), 0
        offsets = []
        for array in arrays:
            offsets.append(self.size)
            data = np.ascontiguousarray(array).view(np.uint8).reshape(-1).data
            self.file.write(data)
            self.digest.update(data)
            self.size += len(data)
        return len(self.shards) - 1, offsets

    def close(self):
        if self.file is not None:
            self.file.close()
            self.shards[-1] |= {"bytes": self.size, "sha256": self.digest.hexdigest()}
            self.file = None


def build(sources, data, out, shard_bytes: int = 1 << 30) -> dict:
    """Write the shards of every source of a manifest; returns the index. Needs memory for one scene at a time."""
    manifest, data, out = read_manifest(sources), Path(data), Path(out)
    for source in manifest["sources"]:
        if lacking := {"name", "files", "resolution", "licence", "credit"} - set(source):
            raise ValueError(f"{sources}: source {source.get('name', '?')!r} lacks {', '.join(sorted(lacking))}")
        if not scene_files(data, source):
            raise ValueError(f"{data / source['name']}: no picture matches {source['files']!r}")
    out.mkdir(parents=True, exist_ok=True)
    if (out / "index.json").exists():
        raise ValueError(f"{out} holds shards already; give an empty folder")
    writer, scenes, layers = Writer(out, shard_bytes), [], []
    for source in manifest["sources"]:
        for path in scene_files(data, source):
            scene = load_scene(path, source)
            for layer in layers_of(scene, source.get("factors", manifest["factors"]), SMALLEST):
                height, width = layer.pixels.shape[:2]
                masks = [] if layer.valid is None else [layer.valid]
                shard, (offset, *mask) = writer.write([layer.pixels, *masks])
                layers.append({"scene": len(scenes), "factor": layer.factor, "height": height, "width": width,
                               "shard": shard, "offset": offset, "mask": mask[0] if mask else None})
            zoom, metres = scene.mercator_zoom, None if math.isnan(scene.metres) else scene.metres
            scenes.append({"source": scene.source, "place": scene.place, "name": scene.name, "metres": metres,
                           "mercator_zoom": zoom})
    writer.close()
    if not layers:
        raise ValueError(f"no picture in {data} is {SMALLEST} pixels wide and tall where it is valid")
    described = [{k: s[k] for k in ("name", "licence", "credit")} for s in manifest["sources"]]
    index = {"format": FORMAT, "version": VERSION, "digest": manifest_digest(data, manifest), "sources": described,
             "shards": writer.shards, "scenes": scenes, "layers": layers}
    partial = out / "index.partial"
    partial.write_text(json.dumps(index, indent=1, ensure_ascii=False))
    os.replace(partial, out / "index.json")
    return index


def read_index(folder) -> dict | None:
    """The index of a folder of shards; None where the folder holds none."""
    path = Path(folder) / "index.json"
    if not path.is_file():
        return None
    index = read_manifest(path)
    if not isinstance(index, dict) or index.get("format") != FORMAT:
        return None
    if index["version"] != VERSION:
        raise ValueError(f"{path}: version {index['version']} of the shards, {VERSION} is known; build them again")
    for shard in index["shards"]:
        file = path.parent / shard["file"]
        if not file.is_file() or file.stat().st_size != shard["bytes"]:
            raise ValueError(f"{file} is missing or not {shard['bytes']} bytes long; build the shards again")
    return index


def read_layers(folder, index: dict, smallest: int) -> list[Layer]:
    """The layers that hold a crop of `smallest` pixels, mapped into memory."""
    if smallest < SMALLEST:
        raise ValueError(f"shards hold no layer below {SMALLEST} pixels; crops of {smallest} need the pictures")
    maps = [np.memmap(Path(folder) / shard["file"], np.uint8, "r") for shard in index["shards"]]
    nothing = np.empty((0, 0, 3), np.uint8)
    scenes = [
        Scene(s["source"], s["place"], s["name"], nothing, None,
              math.nan if s["metres"] is None else s["metres"], s["mercator_zoom"])
        for s in index["scenes"]
    ]

    def cut(layer, offset, *depth):
        shape = (layer["height"], layer["width"], *depth)
        return maps[layer["shard"]][offset : offset + math.prod(shape)].reshape(shape)

    return [
        Layer(scenes[v["scene"]], v["factor"], cut(v, v["offset"], 3),
              None if v["mask"] is None else cut(v, v["mask"]).view(bool))
        for v in index["layers"] if min(v["height"], v["width"]) >= smallest
    ]


def data_digest(data, sources) -> str:
    """SHA-256 of the imagery: the same for pictures and for the shards made of them."""
    index = read_index(data)
    return index["digest"] if index else manifest_digest(data, read_manifest(sources))


def credits(data, sources) -> list[str]:
    """Credit and licence of every source trained on."""
    index = read_index(data) if data else None
    return [f"{s['credit']} ({s['licence']})" for s in (index or read_manifest(sources))["sources"]]


def check(folder):
    """Compare every shard with its SHA-256."""
    index = read_index(folder)
    if index is None:
        raise ValueError(f"{folder} holds no shards (index.json of format {FORMAT})")
    for shard in index["shards"]:
        with open(Path(folder) / shard["file"], "rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != shard["sha256"]:
                raise ValueError(f"{Path(folder) / shard['file']}: its bytes have changed; build the shards again")
    return index


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    building = commands.add_parser("build", help="write shards")
    building.add_argument("--sources", required=True, help="the manifest; docs/training.md describes it")
    building.add_argument("--data", required=True, help="folder with one sub-folder per source")
    building.add_argument("--out", required=True, help="empty folder for the shards")
    building.add_argument("--shard-mebibytes", type=int, default=1024)
    checking = commands.add_parser("check", help="compare shards with their digests")
    checking.add_argument("shards")
    arguments = parser.parse_args(argv)
    try:
        if arguments.command == "build":
            index = build(arguments.sources, arguments.data, arguments.out, arguments.shard_mebibytes << 20)
        else:
            index = check(arguments.shards)
    except (ValueError, OSError) as error:
        raise SystemExit(f"tessera_train.dataset: {error}") from error
    size = sum(s["bytes"] for s in index["shards"])
    print(f"{len(index['scenes'])} scenes, {len(index['layers'])} layers, {len(index['shards'])} shards, {size} bytes, "
          f"imagery {index['digest']}")


if __name__ == "__main__":
    main()
