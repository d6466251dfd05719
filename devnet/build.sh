#!/usr/bin/env bash
# Installs what is missing and builds the programs of the devnet, and nothing else; says how long that may take, and how far it is.
set -euo pipefail
cd -- "$(dirname -- "$0")/.."

target=${CARGO_TARGET_DIR:-target}
if [ -x "$target/debug/tandem-devnet" ]; then
  echo "building the devnet: seconds if little has changed" >&2
else
  echo "building the devnet: the first time takes some 15 minutes on two cores, a quarter of it RocksDB; later seconds" >&2
fi
devnet/install.sh devnet

# All of the workspace's programs, since cargo compiles dependencies anew for every other selection; `make test` takes them over.
build=(cargo build --workspace --bins)
if [ -t 2 ]; then
  exec "${build[@]}" # whose own bar shows how many packages of how many are done, and which are under way
fi

# Without a terminal: a line about every ten seconds, out of the same bar.
CARGO_TERM_PROGRESS_WHEN=always CARGO_TERM_PROGRESS_WIDTH=160 CARGO_TERM_COLOR=never "${build[@]}" 2>&1 | stdbuf -oL tr '\r' '\n' | awk '
  function now(seconds) { "date +%s" | getline seconds; close("date +%s"); return seconds }
  { gsub(/\033\[[0-9;]*[A-Za-z]/, "") }
  match($0, /[0-9]+\/[0-9]+: .*/) {
    if (now() - told < 10) next
    told = now()
    split(substr($0, RSTART), part, ": ")
    print "  " part[1] " done, now " part[2]
    fflush()
    next
  }
  /^ *(Compiling|Blocking|Building|Downloaded|Fresh)/ || /^ *$/ { next }
  { print; fflush() }' >&2
