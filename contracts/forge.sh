#!/bin/sh
# `forge` with the project's pinned tools: ./forge.sh build | test | snapshot | ... (npm ci first).
set -eu
cd -- "$(dirname -- "$0")"
exec "$(./foundry-bin.sh forge)" "$@"
