#!/usr/bin/env bash
# All tests: Rust's, and beside them those of Solidity and of the SDK, whose compiler is one thread, in the time in which Rust's tests wait for blocks.
# What the latter print comes last. Needs everything built (`make build`). A caller can have one more command run beside, after those, and its failure counts:
#   BESIDE='make check' devnet/test.sh
set -euo pipefail
set -m # a process group for what runs beside, so that it ends with this
cd -- "$(dirname -- "$0")/.."

log=$(mktemp)
beside=
cleanup() {
  [ -z "$beside" ] || kill -- "-$beside" 2>/dev/null || true
  rm -f "$log"
}
trap cleanup EXIT

# With what Rust's tests leave of the processors: some of them hold blocks to their time.
others() {
  contracts/forge.sh test || return
  if [ -e sdk/package.json ]; then (cd sdk && npm test --silent) || return; fi
  ${BESIDE:-true}
}
export -f others
nice -n 10 bash -c others >"$log" 2>&1 &
beside=$!

passed=true
cargo test --workspace --tests --no-fail-fast || passed=false
wait "$beside" || passed=false
beside=
cat "$log"
$passed
