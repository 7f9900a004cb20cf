"""Ground resolution of a GeoTIFF from its own keys (OGC GeoTIFF 1.1), read with tifffile: GDAL is not needed."""

import math
from pathlib import Path

import tifffile

DEGREE_METRES = math.pi / 180 * 6378137.0
UNITS = {9001: 1.0, 9002: 0.3048, 9003: 1200 / 3937, 9036: 1000.0}  # EPSG: metre, foot, US survey foot, kilometre
MERCATOR = {3857, 3785, 900913}
PROJECTED, GEOGRAPHIC = 1, 2
DEGREE = 9102
USER_DEFINED = 32767


def ground_resolution(path: Path) -> float:
    """Metres per pixel at the picture's centre.

    Projected systems: the pixel's width in their linear unit; Web Mercator times cos φ. Geographic ones:
    degrees · 111 319.5 · cos φ, the extent from west to east (such a pixel is 1/cos φ times as tall: warp
    pictures far from the equator to a projection first).
    """
    try:
        with tifffile.TiffFile(path) as file:
            keys = file.geotiff_metadata
            height, width = file.pages[0].shape[:2] if file.pages[0].planarconfig == 1 else file.pages[0].shape[-2:]
    except Exception as error:  # tifffile raises many kinds on damaged files
        raise ValueError(f"{path}: not readable as a GeoTIFF ({error})") from error
    if not keys:
        raise ValueError(f"{path}: no georeference; give `metres` or an index for this source instead of `geotiff`")
    across, northing = transform(path, keys, height / 2, width / 2)
    kind = keys.get("GTModelTypeGeoKey")
    if kind == GEOGRAPHIC:
        if keys.get("GeogAngularUnitsGeoKey", DEGREE) != DEGREE:
            raise ValueError(f"{path}: angles not in degrees; give `metres` or an index for this source")
        if abs(northing) > 90:
            raise ValueError(f"{path}: centre at latitude {northing}; its georeference is wrong")
        return across * DEGREE_METRES * math.cos(math.radians(northing))
    if kind != PROJECTED:
        raise ValueError(f"{path}: neither a projected nor a geographic reference system; give `metres` or an index")
    system = int(keys.get("ProjectedCSTypeGeoKey", USER_DEFINED))
    if system in MERCATOR:
        return across / math.cosh(northing / 6378137.0)
    unit = keys.get("ProjLinearUnitsGeoKey", 9001 if system != USER_DEFINED else None)
    if unit is None or int(unit) not in UNITS:
        raise ValueError(f"{path}: linear unit {unit} is unknown; give `metres` or an index for this source")
    return across * UNITS[int(unit)]


def transform(path: Path, keys: dict, row: float, column: float) -> tuple[float, float]:
    """Width of a pixel, and the northing (or latitude) at a row and column."""
    if "ModelTransformation" in keys:
        m = [float(v) for line in keys["ModelTransformation"] for v in (line if hasattr(line, "__len__") else [line])]
        return math.hypot(m[0], m[4]), m[4] * column + m[5] * row + m[7]
    if "ModelPixelScale" not in keys or "ModelTiepoint" not in keys:
        raise ValueError(f"{path}: no pixel size in its georeference; give `metres` or an index for this source")
    scale, tie = keys["ModelPixelScale"], keys["ModelTiepoint"]
    return float(scale[0]), float(tie[4]) - (row - float(tie[1])) * float(scale[1])
