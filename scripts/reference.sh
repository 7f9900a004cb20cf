#!/usr/bin/env bash
# Write the fixtures that the Swift tests compare with: scripts/reference.sh PYTHON DIR
set -euo pipefail

python=$(realpath --no-symlinks "$1")
out=$2
root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$out"
for script in "$root"/Tests/Reference/*_reference.py; do
    "$python" "$script" --out "$out"
done
cd "$root/training"
"$python" -m tessera_train.reference --out "$out"
