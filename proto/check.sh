#!/bin/sh
# Fail where the committed C of the wire messages is not what proto/tessera.proto gives.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
"$here/generate.sh" "$fresh"
status=0
for file in tessera.pb-c.c include/tessera.pb-c.h; do
    diff -u "$here/../Sources/CTesseraWire/$file" "$fresh/$file" || status=1
done
if [ $status -ne 0 ]; then
    echo "proto/check.sh: Sources/CTesseraWire is out of date; run proto/generate.sh and commit" >&2
fi
exit $status
