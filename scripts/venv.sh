#!/usr/bin/env bash
# Make the Python environment of training and of the reference checks: scripts/venv.sh DIR PYTHON
set -euo pipefail

directory=$1
python=$2
root=$(dirname "$0")/..

[ -x "$directory/bin/python" ] || "$python" -m venv "$directory"
"$directory/bin/pip" install --quiet --requirement "$root/training/requirements.txt" \
    --requirement "$root/Tests/Validators/requirements.txt"
