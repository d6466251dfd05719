#!/bin/sh
# The predeploys' runtime bytecode that the rulebook carries, rebuilt from src/l2 (rule PRE-CODE-1).
#   script/predeploys.sh --check    compares, and fails if any differs (make check)
#   script/predeploys.sh --write    replaces bytecode and hashes: a change of the rules for every chain not yet deployed
set -eu
cd -- "$(dirname -- "$0")/.."
mode=${1:?usage: predeploys.sh --check|--write}
committed=../chain/evm/src/predeploys/bytecode
hashes=../chain/evm/src/predeploys/bytecode.rs
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
    --write)
      printf '%s\n' "$rebuilt" > "$committed/$contract.hex"
      hash=$("$(./foundry-bin.sh cast)" keccak "0x$rebuilt" | sed 's/^0x//')
      sed -i "s/\(\"$contract\", \"\)[0-9a-f]\{64\}/\1$hash/" "$hashes" ;;
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
