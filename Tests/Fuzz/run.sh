#!/usr/bin/env bash
# Run libFuzzer with the address and undefined-behaviour sanitizers over the C decoder: Tests/Fuzz/run.sh RUNS
set -euo pipefail

runs=${1:-1000000}
root=$(cd "$(dirname "$0")/../.." && pwd)
out=$root/.build/fuzz
mkdir -p "$out/corpus"
clang=$(dirname "$(readlink -f "$(command -v swift)")")/clang
[ -x "$clang" ] || clang=clang
"$clang" -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
    -I"$root/Sources/CTesseraWire/include" "$root/Tests/Fuzz/envelope.c" "$root/Sources/CTesseraWire/bounded.c" \
    "$root/Sources/CTesseraWire/tessera.pb-c.c" -lprotobuf-c -o "$out/envelope"
"$out/envelope" -runs="$runs" -max_len=65536 -seed=1 -print_final_stats=1 "$out/corpus"
