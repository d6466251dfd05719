# `make devnet` and `make test` are all that a new user needs; both install what is missing.

FRESH ?=

.PHONY: help setup build devnet test e2e check check-bare guest bench-batch bench-state bench-vm bench-circuits bench-prover fuzz-circuits

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 18

setup: ## install what is missing
	@devnet/install.sh

build: setup ## build everything that the devnet runs
	@cargo build --workspace

devnet: build ## a local L1 and a Tandem chain on it; FRESH=1 begins anew
	@target/debug/tandem devnet $(if $(FRESH),--fresh)

test: setup ## all tests: Rust, Solidity, SDK, end to end
	cargo build --workspace --all-targets
	cargo test --workspace
	contracts/forge.sh test
	@if [ -e sdk/package.json ]; then cd sdk && npm test --silent; fi

e2e: setup ## the end-to-end scenarios alone
	cargo build --workspace --all-targets
	cargo test -p tandem-tests --test e2e -- --nocapture

check: check-bare ## formatting, lints, bare-target build, committed artefacts
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	contracts/artifacts.sh --check
	contracts/script/predeploys.sh --check
	@$(MAKE) --no-print-directory guest

check-bare: ## the rulebook compiles for bare RV64IM
	@devnet/install.sh riscv
	prover/guest/check-bare.sh

guest: ## rebuild the fraud-proof guest and compare with the committed ELF (says so if the compiler is another one)
	@devnet/install.sh riscv
	@prover/guest/build.sh || test $$? -eq 3

bench-batch: setup ## posted bytes per transaction
	cargo build --workspace
	cargo run -p tandem-tests --example bench_batch

bench-state: ## root time per 1,000 changed accounts
	cargo run -p tandem-trie --example bench_state

bench-vm: setup ## emulator speed, gas of one step, steps per EVM gas
	contracts/forge.sh test --match-path 'test/vm/*'
	cargo run -p tandem-vm --example bench

bench-circuits: ## constraints per operation
	cargo run -p tandem-circuits --example bench_circuits

bench-prover: ## session transactions per second, keys, memory
	cargo run -p tandem-circuits --example bench_prover

fuzz-circuits: ## 2,000 random cases of native rules against circuits (twenty minutes)
	cargo test -p tandem-circuits --lib agree::exhaustive -- --ignored
