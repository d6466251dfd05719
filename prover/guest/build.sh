#!/bin/sh
# Builds the programs of the fraud-proof machine and compares them with the committed ones in elf/.
#
#   build.sh           rebuild and compare; another compiler than the pinned one is reported as not comparable
#   build.sh --write   rebuild and replace what is committed
#
# Needs Debian's rustc-web, cargo-web, rust-web-src and lld-22. Sources are copied to a fixed place first, because paths
# enter the names of symbols and so their order.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
root=$(cd -- "$here/../.." && pwd)
programs="bench epoch"
rustc=/usr/bin/rustc
cargo=/usr/bin/cargo
place=/tmp/tandem-guest-build

compiler() {
    "$rustc" --version | cut -d' ' -f1-3
    ld.lld-22 --version | sed 's/ (compatible.*//'
}

for tool in "$rustc" "$cargo" ld.lld-22; do
    if ! command -v "$tool" >/dev/null; then
        echo "guest: not comparable: $tool is not installed; devnet/install.sh riscv installs it" >&2
        exit 3
    fi
done
if [ "${1:-}" != --write ] && [ "$(compiler)" != "$(cat "$here/elf/compiler")" ]; then
    echo "guest: not comparable: committed with another compiler" >&2
    compiler | diff "$here/elf/compiler" - >&2 || true
    exit 3
fi

mkdir -p "$place"
exec 9>"$place/lock"
flock 9
rm -rf "$place/source"
mkdir -p "$place/source"
# Times of now, not the files' own: cargo rebuilds what is newer than what it built.
(cd "$root" && tar -cf - --exclude=target --exclude=node_modules Cargo.toml chain prover/guest) | tar -xmf - -C "$place/source"
flags="-C passes=lower-atomic -C link-arg=-T$place/source/prover/guest/link.ld -C link-arg=--build-id=none"
flags="$flags -Z location-detail=none --remap-path-prefix=$place/source=/tandem --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
cd "$place/source/prover/guest"
RUSTC_BOOTSTRAP=1 RUSTC=$rustc RUSTFLAGS=$flags CARGO_TARGET_DIR=$place/target "$cargo" build --release --locked --bins \
    -Z build-std=core,alloc,compiler_builtins -Z build-std-features=compiler-builtins-mem \
    -Z json-target-spec --target riscv64im.json

status=0
for program in $programs; do
    built=$place/target/riscv64im/release/$program
    committed=$here/elf/$program.elf
    if [ "${1:-}" = --write ]; then
        cp "$built" "$committed"
    elif ! cmp -s "$built" "$committed"; then
        echo "guest: $program.elf differs from what its source builds" >&2
        status=1
    fi
    (cd "$here/elf" && sha256sum "$program.elf")
done
if [ "${1:-}" = --write ]; then
    compiler >"$here/elf/compiler"
    (cd "$here/elf" && sha256sum -- *.elf >SHA256)
    echo "guest: its sampled steps are to be written anew: TANDEM_WRITE_VECTORS=1 cargo test -p tandem-vm --test guest_steps"
else
    (cd "$here/elf" && sha256sum --check --quiet SHA256) || status=1
    [ $status = 0 ] && echo "guest: the committed programs are what their sources build"
fi
exit $status
