#!/bin/sh
# Writes artifacts/<Contract>.json (ABI and creation bytecode of what `tandem deploy` deploys), so that Rust builds need neither
# Node nor Foundry; with --check compares instead and fails if the committed files are not what the sources give.
# The build is a separate and complete one: which other sources are compiled along must not change a byte.
set -eu
cd -- "$(dirname -- "$0")"
contracts="Schedule Inbox FraudSettlement MessageExecutor Bridge UpgradeGate BridgeProxy Step Dispute ValiditySettlement PaymentsBridge DevnetToken"
build=cache/artifacts
target=artifacts
[ "${1:-}" != "--check" ] || target=$build/expected
./forge.sh build --force --quiet --out "$build/out" --cache-path "$build/cache" src/l1 src/vm src/dispute src/payments src/devnet
mkdir -p "$target"
for contract in $contracts; do
  jq -c --arg name "$contract" '{contractName: $name, abi, bytecode: {object: .bytecode.object}}' \
    "$build/out/$contract.sol/$contract.json" > "$target/$contract.json"
  if [ "$target" != artifacts ]; then
    cmp "artifacts/$contract.json" "$target/$contract.json" || {
      echo "artifacts.sh: artifacts/$contract.json is stale: run contracts/artifacts.sh" >&2
      exit 1
    }
  fi
done
