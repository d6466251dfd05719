#!/usr/bin/env bash
# Puts what `make release` left in target/dist into place: programs, a systemd unit each, shell completions, the operator's manual.
#   node/systemd/install.sh PREFIX      DESTDIR is put before every path, as packagers expect; DIST is another folder of programs
set -euo pipefail
# Everybody may read what is installed, whatever the mask of who installs it.
umask 022
cd -- "$(dirname -- "$0")/../.."
prefix=${1:?usage: install.sh PREFIX}
case $prefix in
  /*) ;;
  *) echo "install: PREFIX must be absolute, since units name programs by it: $prefix" >&2; exit 1 ;;
esac
root=${DESTDIR:-}$prefix
dist=${DIST:-target/dist}
programs=(tandem tandem-sequencer tandem-prover)

for program in "${programs[@]}"; do
  [ -x "$dist/$program" ] || { echo "install: $dist/$program is missing: run \`make release\` first" >&2; exit 1; }
done
install -d "$root"/{bin,lib/systemd/system,share/doc/tandem,share/bash-completion/completions,share/zsh/site-functions,share/fish/vendor_completions.d}
for program in "${programs[@]}"; do
  install -m 755 "$dist/$program" "$root/bin/$program"
  "$dist/$program" completions bash >"$root/share/bash-completion/completions/$program"
  "$dist/$program" completions zsh >"$root/share/zsh/site-functions/_$program"
  "$dist/$program" completions fish >"$root/share/fish/vendor_completions.d/$program.fish"
done
for unit in node/systemd/*.service; do
  sed "s|@PREFIX@|$prefix|g" "$unit" >"$root/lib/systemd/system/${unit##*/}"
done
install -m 644 docs/operations.md "$root/share/doc/tandem/operations.md"
echo "install: ${programs[*]} are in $root/bin; see $root/share/doc/tandem/operations.md for flags, keys and units"
