#!/usr/bin/env bash
# Installs what building and testing Tandem takes, as far as it is missing; says what to do where it cannot.
#   devnet/install.sh            what `make test` needs
#   devnet/install.sh devnet     what `make devnet` needs, and no more
#   devnet/install.sh faults     also what gives processes a wrong clock (`make e2e-faults`)
#   devnet/install.sh riscv      also the toolchain of the fraud-proof guest (`make guest`, `make check`)
#   devnet/install.sh wallets    also Hardhat and web3.py (`make compat-fees`)
#   devnet/install.sh compat     also the rest of what is tried against a devnet (`make compat`)
set -euo pipefail
cd -- "$(dirname -- "$0")/.."

say() { printf 'install: %s\n' "$*" >&2; }

need_cargo() {
  command -v cargo >/dev/null || {
    say "Rust is missing. Install it with rustup (https://rustup.rs), then run this again."
    exit 1
  }
}

# packages FILE_OR_COMMAND=PACKAGE ...: installs the Debian packages whose command or file is not there.
packages() {
  local missing=() pair probe
  for pair in "$@"; do
    probe=${pair%%=*}
    case $probe in
      /*) compgen -G "$probe" >/dev/null || missing+=("${pair#*=}") ;;
      *) command -v "$probe" >/dev/null || missing+=("${pair#*=}") ;;
    esac
  done
  [ ${#missing[@]} -eq 0 ] && return
  local install=(apt-get install -y --no-install-recommends "${missing[@]}")
  if ! command -v apt-get >/dev/null; then
    say "please install: ${missing[*]} (Debian's names), then run this again."
    exit 1
  elif [ "$(id -u)" -ne 0 ]; then
    say "please run: sudo ${install[*]}"
    exit 1
  fi
  say "installing ${missing[*]}"
  apt-get update -qq >/dev/null
  DEBIAN_FRONTEND=noninteractive "${install[@]}" >/dev/null
}

nats_server() { # the engine of prover farms, which tests start themselves: the package's own service is not wanted here
  [ -x /usr/sbin/nats-server ] || command -v nats-server >/dev/null && return
  packages /usr/sbin/nats-server=nats-server
  if command -v systemctl >/dev/null && systemctl is-active --quiet nats-server 2>/dev/null; then
    systemctl disable --now --quiet nats-server
  fi
}

node_modules() { # FOLDER: what its lock file names
  local folder=$1
  if [ ! -e "$folder/node_modules/.package-lock.json" ] || [ "$folder/package-lock.json" -nt "$folder/node_modules/.package-lock.json" ]; then
    say "installing npm packages of $folder"
    (cd "$folder" && npm ci --silent --no-fund --no-audit)
  fi
}

python_packages() { # FOLDER: what its requirements.txt names, in its .venv
  local folder=$1
  if [ ! -e "$folder/.venv/installed" ] || [ "$folder/requirements.txt" -nt "$folder/.venv/installed" ]; then
    say "installing Python packages of $folder"
    python3 -m venv "$folder/.venv"
    "$folder/.venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$folder/requirements.txt"
    touch "$folder/.venv/installed"
  fi
}

need_cargo
# RocksDB's build reads headers with libclang, which libclang-cpp beside it is not.
packages g++=g++ make=make curl=curl jq=jq node=nodejs npm=npm \
  '/usr/lib/llvm-*/lib/libclang[.-][s0-9]*=libclang-dev' '/usr/lib/clang/*/include/stddef.h=libclang-dev'
if [ "${1:-}" = riscv ]; then
  packages /usr/bin/rustc=rustc-web /usr/bin/cargo=cargo-web '/usr/src/rustc-*/library/core/Cargo.toml=rust-web-src' ld.lld-22=lld-22
fi
# In the time in which npm waits for disk and network.
node/store/rocksdb.sh &
rocksdb=$!
if [ "${1:-}" = faults ]; then packages '/usr/lib/*/faketime/libfaketime.so.1=faketime'; fi
node_modules contracts
if [ "${1:-}" != devnet ]; then
  packages qemu-riscv64=qemu-user openssl=openssl
  nats_server
  node_modules sdk
  node_modules tests/wallets
  node_modules tests/compat
fi
if [ "${1:-}" = wallets ]; then
  python3 -c 'import ensurepip, venv' 2>/dev/null || packages /nowhere/python3-venv=python3-venv
  node_modules tests/wallets/hardhat
  python_packages tests/wallets
fi
if [ "${1:-}" = compat ]; then
  python3 -c 'import ensurepip, venv' 2>/dev/null || packages /nowhere/python3-venv=python3-venv
  node_modules tests/compat/more
  node_modules tests/compat/hardhat
  python_packages tests/compat/python
fi
wait "$rocksdb"
