#!/usr/bin/env bash
# Measure a model file and write docs/results.md anew: scripts/results.sh PYTHON IMAGERY [MODEL] [OUT]
# IMAGERY holds `train` and `heldout`. Two processes, one thread each: about half an hour on two cores with AMX.
set -euo pipefail

python=$(realpath --no-symlinks "$1")
data=$(realpath "$2")
root=$(cd "$(dirname "$0")/.." && pwd)
model=$(realpath "${3:-$root/models/tiny.safetensors}")
out=${4:-$root/.build/results}
mkdir -p "$out"
out=$(realpath "$out")
export PYTHONPATH=$root/training OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE

measure() { "$python" -m tessera_train.eval "$model" --data "$data" --out "$out" --threads 1 "$@"; }

measure --only octaves levels cascade noise margins &
measure --only calls strengths guidance downstream degradation
wait $!
"$python" -m tessera_train.eval --collect "$out" --page "$root/docs/results.md"
