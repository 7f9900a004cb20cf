#!/bin/sh
# Generate the C of the wire messages: proto/generate.sh [OUTPUT-DIRECTORY]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/../Sources/CTesseraWire}
command -v protoc-c >/dev/null || {
    echo "proto/generate.sh: protoc-c is missing; install the package protobuf-c-compiler" >&2
    exit 1
}
mkdir -p "$out/include"
protoc-c --proto_path="$here" --c_out="$out" "$here/tessera.proto"
mv "$out/tessera.pb-c.h" "$out/include/tessera.pb-c.h"
