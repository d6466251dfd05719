#!/usr/bin/env bash
# Compiles RocksDB once, for every cargo profile and target directory: target/rocksdb/librocksdb.a, where .cargo/config.toml points librocksdb-sys.
#
# The sources are those of the librocksdb-sys that Cargo.lock pins, with that crate's definitions. They are compiled a few dozen files at a time: RocksDB's
# headers cost more than its code, and its own Makefile keeps the sources fit for that ("unity"). 500 CPU seconds instead of some 2,700, and once
# instead of once a profile.
set -euo pipefail
cd -- "$(dirname -- "$0")/../.."
out=$PWD/target/rocksdb
parts=12

host=$(rustc -vV | sed -n 's/^host: //p')
package() { cargo metadata --format-version 1 --locked --filter-platform "$host" | jq -r --arg name "$1" '.packages[] | select(.name == $name) | .manifest_path | rtrimstr("/Cargo.toml")'; }
sys=$(package librocksdb-sys)
lz4=$(package lz4-sys)
cxx=${CXX:-c++}
flags=(-std=c++20 -O2 -fPIC -ffunction-sections -fdata-sections -w -include cstdint
  -DLZ4=1 -DNDEBUG=1 -DHAVE_ALIGNED_NEW -DHAVE_UINT128_EXTENSION -DOS_LINUX -DROCKSDB_PLATFORM_POSIX -DROCKSDB_LIB_IO_POSIX
  -DROCKSDB_SCHED_GETCPU_PRESENT -DROCKSDB_AUXV_GETAUXVAL_PRESENT -DROCKSDB_FALLOCATE_PRESENT -DROCKSDB_RANGESYNC_PRESENT
  -Irocksdb/include -Irocksdb -I. -I"$lz4/liblz4/lib")

stamp="${sys##*/} $("$cxx" --version | head -n 1) ${flags[*]} $parts"
if [ -e "$out/librocksdb.a" ] && [ "$(cat "$out/stamp" 2>/dev/null)" = "$stamp" ]; then exit 0; fi
echo "install: compiling RocksDB, once (some four minutes on two cores)" >&2

work=$out/build
rm -rf "$work" && mkdir -p "$work"
grep -v '^ *util/build_version.cc' "$sys/rocksdb_lib_sources.txt" | sed '/^ *$/d; s|^ *|#include "|; s| *$|"|' >"$work/sources"
split --number="l/$parts" --numeric-suffixes --additional-suffix=.cc "$work/sources" "$work/part"
printf '#include "build_version.cc"\n' >"$work/version.cc"
compile() {
  local source=$1
  shift
  "$@" -c "$source" -o "${source%.cc}.o" && echo "install: RocksDB: ${source##*/} done" >&2
}
export -f compile
(cd "$sys" && printf '%s\0' "$work"/*.cc | xargs -0 -P "$(nproc)" -I{} bash -c 'compile "$@"' _ {} "$cxx" "${flags[@]}")
ar crs "$work/librocksdb.a" "$work"/*.o
mv "$work/librocksdb.a" "$out/librocksdb.a"
printf '%s' "$stamp" >"$out/stamp"
rm -rf "$work"
