# `make devnet` and `make test` are all that a new user needs; both install what is missing.

FRESH ?=
PREFIX ?= /usr/local
# Always the whole workspace, its programs alone or with its tests: cargo compiles dependencies anew for every other selection of packages.
BUILT = $(or $(CARGO_TARGET_DIR),target)/debug
# What operators run and what benchmarks measure.
RELEASED = $(or $(CARGO_TARGET_DIR),target)/release

.PHONY: help setup build devnet test release install e2e e2e-release e2e-validity e2e-faults e2e-fraud drill-fraud check check-bare guest bench-built bench-build bench-batch bench-engine bench-logs bench-fees bench-rpc compat compat-fees bench-state bench-vm bench-opcodes worst-vm bench-devnet bench-circuits bench-prover bench-validity bench-dispute sim-settlement bench-commitment sim-dispute fuzz-circuits

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 18

setup: ## install what is missing
	@devnet/install.sh

build: setup ## build all programs and tests
	cargo build --workspace --bins --tests

devnet: ## a local L1 and a Tandem chain on it; SETTLEMENT=validity for a payments chain, FRESH=1 begins anew
	@devnet/build.sh
	@"$(BUILT)/tandem-devnet" $(if $(FRESH),--fresh)

test: build ## all tests: Rust, Solidity, SDK, end to end
	@devnet/test.sh

release: setup ## the programs as operators run them, in target/dist
	cargo build --release --workspace --bins
	@mkdir -p target/dist
	@for program in tandem tandem-sequencer tandem-prover tandem-devnet; do \
	  install -m 755 $(RELEASED)/$$program target/dist/; done
	@echo "release: the programs are in target/dist"

install: ## put programs, systemd units, shell completions and the manual under PREFIX (/usr/local); after make release
	@node/systemd/install.sh $(PREFIX)

e2e: build ## the end-to-end scenarios alone
	cargo test --workspace --test e2e -- --nocapture

e2e-release: setup ## the end-to-end scenarios, and node against guest, in programs as operators run them
	cargo build --release --workspace --bins
	cargo test --release --workspace --test e2e -- --nocapture
	cargo test --release --workspace --test agreement --test precompiles --test epoch --test guest

e2e-validity: build ## a payments chain through lies, reorganisations, kills and bad workers, with small circuits; through its whole life, a flood and with huge circuits, with the real keys: half an hour, and some more when keys are made
	cargo test --workspace --test validity --test farm
	cargo test --workspace --test e2e_validity -- --include-ignored --nocapture

e2e-faults: build ## kills, reorganisations, outages and wrong clocks under traffic: a quarter of an hour; SEED=n repeats a run
	@devnet/install.sh faults
	$(if $(SEED),TANDEM_FAULTS_SEED=$(SEED)) cargo test --workspace --test e2e all_faults -- --ignored --nocapture

e2e-fraud: build ## wrong claims of every kind against the real challenger: three quarters of an hour; ONLY=name plays some of them
	$(if $(ONLY),TANDEM_FRAUD='$(ONLY)') cargo test --workspace --test e2e fraud -- --include-ignored --nocapture --test-threads 1

drill-fraud: setup ## a wrong claim on a devnet, told move by move: a minute; FLAGS='--diverge blob', '--silent seal', '--opponents 4'
	cargo build --workspace --bins --tests --example drill_fraud
	@"$(BUILT)/examples/drill_fraud" $(FLAGS)

check: check-bare ## formatting, lints, bare-target build, committed artefacts
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	@if command -v cargo-deny >/dev/null; then cargo deny check licenses bans sources && \
	  cargo deny --manifest-path prover/guest/Cargo.toml --config deny.toml check licenses bans sources; \
	  else echo "check: cargo-deny is not installed (cargo install cargo-deny --locked): licences, bans and sources as in chain/tests alone"; fi
	contracts/artifacts.sh --check
	contracts/script/predeploys.sh --check
	node contracts/script/preinstalls.js --check entry-points
	@$(MAKE) --no-print-directory guest

check-bare: ## the rulebook compiles for bare RV64IM
	@devnet/install.sh riscv
	prover/guest/check-bare.sh

guest: ## rebuild the fraud-proof guest and compare with the committed ELF (says so if the compiler is another one)
	@devnet/install.sh riscv
	@prover/guest/build.sh || test $$? -eq 3

# Benchmarks measure what operators run: one release build of the whole workspace serves them all, and shares with `make release`.
bench-built: setup
	cargo build --release --workspace --bins --examples

bench-build: setup ## seconds from a clean clone to a devnet and to all tests built, cold: half an hour of two quiet cores
	devnet/bench_build.sh

bench-batch: bench-built ## posted bytes per transaction
	$(RELEASED)/examples/bench_batch

bench-engine: bench-built ## transfers included per second, and blocks while a full batch closes or callers never stop asking
	$(RELEASED)/examples/bench_engine

bench-logs: bench-built ## eth_getLogs for a rare topic over a million blocks
	$(RELEASED)/examples/bench_logs

bench-fees: bench-built ## what users pay for data against what posting it costs, over a year of L1's prices
	$(RELEASED)/examples/bench_fees

bench-rpc: bench-built ## how long the JSON-RPC takes, with Anvil beside it in the same run
	$(RELEASED)/examples/bench_rpc

compat: build ## other people's software against a devnet: a quarter of an hour; prints compat.passed and what failed
	@devnet/install.sh compat
	node contracts/script/preinstalls.js --check
	node tests/compat/run.js

compat-fees: build ## wallets and test suites send and compare at L1's prices from idle to mad: some minutes
	@devnet/install.sh wallets
	cargo test --workspace --test wallets -- --include-ignored --nocapture

bench-state: bench-built ## root time per 1,000 changed accounts
	$(RELEASED)/examples/bench_state

bench-vm: bench-built ## emulator speed, gas of one step, steps per EVM gas
	contracts/forge.sh test --match-path 'test/vm/*'
	$(RELEASED)/examples/bench

bench-opcodes: bench-built ## steps per gas of every precompile and of the costliest opcodes: a quarter of an hour
	$(RELEASED)/examples/bench --worst-cases

worst-vm: bench-built ## the worst batches that the limits allow, in the machine: an hour of one core, 12 GB
	$(RELEASED)/examples/worst

bench-devnet: bench-built ## what a devnet takes after 86,400 L1 blocks: a quarter of an hour
	cargo test --release --workspace --test l1_kept a_day -- --ignored --nocapture

bench-circuits: bench-built ## constraints per operation
	$(RELEASED)/examples/bench_circuits

bench-prover: bench-built ## session transactions per second, keys, memory
	$(RELEASED)/examples/bench_prover

bench-validity: bench-built ## L1 gas and bytes per transfer of proven batches, time from sent to proven, transfers proven per second: twenty-five minutes; FLAGS=--service, --full or --third-size
	$(RELEASED)/examples/bench_validity $(FLAGS)

fuzz-circuits: setup ## 2,000 random cases of native rules against circuits (twenty minutes)
	cargo test --workspace --lib agree::exhaustive -- --ignored

sim-settlement: bench-built ## years of settlement against hostile sequencer, owner and claimants: the table of docs/settlement.md
	$(RELEASED)/examples/sim_settlement

bench-commitment: bench-built ## an honest party's time and memory for a dispute's commitments of an epoch
	$(RELEASED)/examples/bench_commitment

bench-dispute: bench-built ## gas of every call of a dispute, time and memory for its commitments, duration and honest spending against 1 to 64 opponents
	contracts/forge.sh test --match-path 'test/dispute/Gas.t.sol'
	$(RELEASED)/examples/bench_dispute
	$(RELEASED)/examples/bench_commitment

sim-dispute: bench-built ## thousands of disputes of one honest party against many: the table of docs/design/dispute.md
	$(RELEASED)/examples/sim_dispute
