#!/usr/bin/env bash
# Wall and processor seconds from a clean clone to a devnet that is ready, RocksDB's part of them, and to all tests built; the five dearest crates by cargo's
# own timings. Cold: nothing compiled is reused, downloaded crates and npm packages are. Prints JSON lines and writes them to target/bench/build.json.
set -euo pipefail
set -m # jobs get process groups of their own, so that the devnet can be ended like with Ctrl-C
cd -- "$(dirname -- "$0")/.."

READY_S_MAX=7200
clone=$(mktemp -d)
job=
cleanup() {
  [ -z "$job" ] || kill -INT -- "-$job" 2>/dev/null || true
  rm -rf "$clone"
}
trap cleanup EXIT
git clone --quiet --local . "$clone/tandem"
unset CARGO_TARGET_DIR

# Cargo as it is, but for its timings.
real=$(command -v cargo)
mkdir "$clone/bin"
cat > "$clone/bin/cargo" <<SHIM
#!/bin/sh
if [ "\$1" = build ]; then shift; exec "$real" build --timings "\$@"; fi
exec "$real" "\$@"
SHIM
chmod +x "$clone/bin/cargo"

# RocksDB's compilation as it is, but for a note of what it took.
sed -i "1a trap 'times >$clone/rocksdb_times; echo \$SECONDS >$clone/rocksdb_s' EXIT" "$clone/tandem/node/store/rocksdb.sh"

# waited_for FILE: the processor seconds of everything that a shell had waited for when it wrote FILE by `times`
waited_for() {
  awk 'NR == 2 { gsub("s", ""); split($1, u, "m"); split($2, s, "m"); printf "%.0f", 60 * (u[1] + s[1]) + u[2] + s[2] }' "$1"
}

# measure: sets cpu_s to the processor seconds of everything that this shell has waited for. A subshell would tell its own.
measure() {
  times > "$clone/times"
  cpu_s=$(waited_for "$clone/times")
}

# figure NAME SECONDS CPU_SECONDS
figure() { printf '{"name":"%s","value":%s,"unit":"s","cpu_s":%s}\n' "$1" "$2" "$3"; }

figures=$clone/figures.json
measure
seconds=$SECONDS cpu=$cpu_s
(cd "$clone/tandem" && exec env PATH="$clone/bin:$PATH" L1_PORT=28545 RPC_PORT=29545 FAUCET_PORT=29546 make devnet) >&2 </dev/null &
job=$!
until [ -e "$clone/tandem/.devnet/devnet.json" ]; do
  kill -0 "$job" 2>/dev/null || { echo "bench-build: make devnet ended before it was ready" >&2; exit 1; }
  [ $((SECONDS - seconds)) -lt $READY_S_MAX ] || { echo "bench-build: not ready within $READY_S_MAX s" >&2; exit 1; }
  sleep 1
done
ready_s=$((SECONDS - seconds))
kill -INT -- "-$job"
wait "$job" || true
job=
measure
ready_cpu_s=$((cpu_s - cpu))
figure build.devnet_ready "$ready_s" "$ready_cpu_s" | tee "$figures"
# Beside the npm packages, and before cargo.
figure build.rocksdb "$(<"$clone/rocksdb_s")" "$(waited_for "$clone/rocksdb_times")" | tee -a "$figures"

seconds=$SECONDS cpu=$cpu_s
(cd "$clone/tandem" && PATH="$clone/bin:$PATH" make build) >&2
measure
after_s=$((SECONDS - seconds)) after_cpu_s=$((cpu_s - cpu))
figure build.tests_built_after "$after_s" "$after_cpu_s" | tee -a "$figures"
figure build.tests_built $((ready_s + after_s)) $((ready_cpu_s + after_cpu_s)) | tee -a "$figures"

# Of both builds together, whatever a crate was compiled for: its build script, its tests, its examples.
node - "$clone"/tandem/target/cargo-timings/cargo-timing-*.html <<'SCRIPT' | tee -a "$figures"
const fs = require("fs");
const seconds = new Map();
for (const file of process.argv.slice(2)) {
  const units = /const UNIT_DATA = (\[[\s\S]*?\n?\]);/.exec(fs.readFileSync(file, "utf8"));
  if (!units) throw new Error(`${file} has no timings that are understood`);
  for (const { name, duration } of JSON.parse(units[1])) seconds.set(name, (seconds.get(name) ?? 0) + duration);
}
const dearest = [...seconds].sort(([, one], [, other]) => other - one).slice(0, 5);
for (const [name, value] of dearest) console.log(JSON.stringify({ name: `build.crate.${name}`, value: Math.round(value), unit: "s" }));
SCRIPT

mkdir -p target/bench
cp "$figures" target/bench/build.json
