#!/usr/bin/env bash
# Install the Debian packages that building, rendering and testing need; do nothing where they are there.
set -euo pipefail

packages=(
    libzmq3-dev libopenblas-dev libpng-dev libprotobuf-c-dev protobuf-c-compiler libgdal-dev libsqlite3-dev
    gdal-bin python3-gdal libvips-tools pngcheck sqlite3 pkg-config libjs-leaflet python3-venv
)

if ! command -v swift >/dev/null; then
    cat >&2 <<'TEXT'
tessera: no `swift` on the PATH. Install Swift 6.2 or later from https://www.swift.org/install/linux/ (Debian 12),
for instance with swiftly, and run this again.
TEXT
    exit 1
fi
version=$(swift --version 2>/dev/null | grep -oE 'Swift version [0-9]+\.[0-9]+' | grep -oE '[0-9.]+$')
if [ "$(printf '%s\n6.2\n' "$version" | sort -V | head -n 1)" != 6.2 ]; then
    echo "tessera: Swift $version is too old: 6.2 or later is needed (https://www.swift.org/install/linux/)." >&2
    exit 1
fi

missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

echo "Installing ${missing[*]}"
sudo=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
        echo "tessera: not root and no sudo: ask an administrator for 'apt-get install ${missing[*]}'." >&2
        exit 1
    }
    sudo=(sudo)
fi
"${sudo[@]}" apt-get update -q
"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y "${missing[@]}"
