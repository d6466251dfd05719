#!/bin/sh
# The predeploys' runtime bytecode that the rulebook carries (chain/evm/src/predeploys/bytecode/*.hex), rebuilt from src/l2.
#   script/predeploys.sh --check    compares, and fails on the first difference (make check)
#   script/predeploys.sh --write    replaces; then put the hashes that the Rust test names into predeploys/mod.rs
set -eu
cd -- "$(dirname -- "$0")/.."
mode=${1:?usage: predeploys.sh --check|--write}
committed=../chain/evm/src/predeploys/bytecode
contracts='MessagePasser L2Bridge L1Info FeeVault BridgedToken AddressTable'

# Apart from the ordinary build, so that neither can serve the other stale artefacts.
artifacts=cache/predeploys
rm -rf "$artifacts"
./forge.sh build --quiet --out "$artifacts" --cache-path "$artifacts" src/l2

status=0
for contract in $contracts; do
  rebuilt=$(jq -er '.deployedBytecode | if .immutableReferences // {} | length > 0 then error("immutables") else .object end' \
    "$artifacts/$contract.sol/$contract.json" | sed 's/^0x//')
  case $mode in
    --write) printf '%s\n' "$rebuilt" > "$committed/$contract.hex" ;;
    --check)
      if [ "$rebuilt" = "$(cat "$committed/$contract.hex")" ]; then
        echo "predeploys.sh: $contract is what its source gives"
      else
        echo "predeploys.sh: $contract.hex differs from src/l2/$contract.sol" >&2
        status=1
      fi ;;
    *) echo "usage: predeploys.sh --check|--write" >&2; exit 2 ;;
  esac
done
exit $status
