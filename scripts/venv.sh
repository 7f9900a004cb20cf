#!/usr/bin/env bash
# Make the Python environment of training and of the reference checks: scripts/venv.sh DIR PYTHON
set -euo pipefail

directory=$1
python=$2
requirements=$(dirname "$0")/../training/requirements.txt

[ -x "$directory/bin/python" ] || "$python" -m venv "$directory"
"$directory/bin/pip" install --quiet --requirement "$requirements"
