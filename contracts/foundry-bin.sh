#!/bin/sh
# Prints the path of a Foundry tool (forge, cast, anvil) out of the npm packages, whether or not npm ran their
# install scripts: the real binary lives in the package of the platform.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
tool=${1:?usage: foundry-bin.sh forge|cast|anvil}
case "$(uname -m)" in
  x86_64) machine=amd64 ;;
  aarch64 | arm64) machine=arm64 ;;
  *) echo "foundry-bin.sh: no Foundry build for $(uname -m)" >&2; exit 1 ;;
esac
system=$(uname -s | tr '[:upper:]' '[:lower:]')
binary="$here/node_modules/@foundry-rs/$tool-$system-$machine/bin/$tool"
if [ ! -x "$binary" ]; then
  echo "foundry-bin.sh: $binary is missing: run 'npm ci' in contracts/" >&2
  exit 1
fi
printf '%s\n' "$binary"
