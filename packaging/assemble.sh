#!/bin/sh
# Puts what the broker needs at run time into a folder of its own, out of a checkout that is built and has production packages
# only: no sources, no tests, no maps, no types. Readable by everybody, writable by none but the owner. Used by the
# Dockerfile; usage: assemble.sh FOLDER
set -eu
to="$1"
from="$(dirname "$0")/.."
mkdir -p "$to/dist" "$to/native-bindings/build"
cp "$from/package.json" "$from/LICENSE" "$from/README.md" "$from/SECURITY.md" "$to/"
cp -R "$from/dist/src" "$to/dist/src"
cp "$from/native-bindings/build/perfbroker.node" "$to/native-bindings/build/"
cp -R "$from/node_modules" "$to/node_modules"
find "$to/dist" \( -name '*.map' -o -name '*.d.ts' \) -type f -exec rm {} +
rm -rf "$to/node_modules/.bin" "$to/node_modules/.package-lock.json" "$to/node_modules/node-api-headers"
chmod -R u=rwX,go=rX "$to"
