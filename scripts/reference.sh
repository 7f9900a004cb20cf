#!/usr/bin/env bash
# Write the fixtures that the Swift tests compare with: scripts/reference.sh PYTHON DIR
set -euo pipefail

python=$(realpath --no-symlinks "$1")
out=$2
root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$out"
export PYTHONPATH=$root/training
"$python" "$root/Tests/Reference/noise_reference.py" "$out"
"$python" "$root/Tests/Reference/diffusion_reference.py" "$out"
"$python" "$root/Tests/Reference/network_reference.py" "$out" "$root/models/tiny.safetensors"
"$python" "$root/Tests/Reference/window_reference.py" "$out" "$root/models/tiny.safetensors"
