#!/usr/bin/env bash
# Render an Alpine region two levels down from the built-in map, and put a picture of it beside bicubic upsampling.
set -euo pipefail

out=${1:-demo-out}
root=$(cd "$(dirname "$0")/.." && pwd)
tessera=$root/.build/release/tessera

"$tessera" render --bbox=6.35,45.1,9.1,46.9 --levels 2 --seed 7 --out "$out/mosaic" --workers 2
"$tessera" export xyz "$out/mosaic" "$out/xyz"
"$tessera" export png "$out/mosaic" "$out/alps.png" --compare

cat <<TEXT

  $out/alps.png          left: bicubic upsampling of the map; right: what Tessera made of it
  $out/xyz               the tiles, z/x/y.png
  $out/mosaic            the mosaic: every .mbtiles in it opens in GDAL and QGIS

Look at it in a browser:   .build/release/tessera serve --out "$out/mosaic" --http 127.0.0.1:8080
TEXT
