#!/bin/sh
# Prints the path of a Foundry tool (forge, cast, anvil). On Linux on x86-64 it is the binary inside the pinned npm package of
# the platform, which needs no install script; elsewhere a tool of the same version in PATH.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
tool=${1:?usage: foundry-bin.sh forge|cast|anvil}
version=1.7.1
binary="$here/node_modules/@foundry-rs/$tool-linux-amd64/bin/$tool"
if [ "$(uname -sm)" != "Linux x86_64" ]; then
  binary=$(command -v "$tool" || true)
  case "$([ -z "$binary" ] || "$binary" --version)" in
    *"$version"*) ;;
    *) echo "foundry-bin.sh: $tool $version is needed in PATH on $(uname -sm)" >&2; exit 1 ;;
  esac
elif [ ! -x "$binary" ]; then
  echo "foundry-bin.sh: $binary is missing: run 'npm ci' in contracts/" >&2
  exit 1
fi
printf '%s\n' "$binary"
