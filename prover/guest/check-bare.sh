#!/bin/sh
# Checks that the rulebook compiles for the bare target of the fraud-proof machine: no `std`, no host cryptography.
set -eu
cd -- "$(dirname -- "$0")/../.."
target_dir=${CARGO_TARGET_DIR:-target}/bare
for package in tandem-chain tandem-trie tandem-evm tandem-payments tandem-vm; do
  RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc CARGO_TARGET_DIR=$target_dir /usr/bin/cargo check --quiet --locked \
    --package "$package" --no-default-features \
    -Z build-std=core,alloc,compiler_builtins -Z build-std-features=compiler-builtins-mem \
    -Z json-target-spec --target prover/guest/riscv64im.json
  echo "bare target: $package compiles"
done
