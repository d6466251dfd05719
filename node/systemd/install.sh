#!/usr/bin/env bash
# Puts what `make release` left in target/dist into place: programs, the systemd units of what they do, shell completions, the manual, the licences.
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
prefix=${prefix%/}
root=${DESTDIR:-}$prefix
dist=${DIST:-target/dist}
programs=(tandem tandem-sequencer tandem-prover)

for program in "${programs[@]}"; do
  [ -x "$dist/$program" ] || { echo "install: $dist/$program is missing: run \`make release\` first" >&2; exit 1; }
done
install -d "$root"/{bin,lib/systemd/system,share/bash-completion/completions,share/zsh/site-functions,share/fish/vendor_completions.d}
for program in "${programs[@]}"; do
  install -m 755 "$dist/$program" "$root/bin/$program"
  "$dist/$program" completions bash >"$root/share/bash-completion/completions/$program"
  "$dist/$program" completions zsh >"$root/share/zsh/site-functions/_$program"
  "$dist/$program" completions fish >"$root/share/fish/vendor_completions.d/$program.fish"
done
units=()
for unit in node/systemd/*.service; do
  sed "s|@PREFIX@|$prefix|g" "$unit" >"$root/lib/systemd/system/${unit##*/}"
  unit=${unit##*/}
  units+=("${unit%.service}")
done
# The manual and what it links, by the same names, so that its links lead somewhere.
manual=$root/share/doc/tandem
for page in README.md CONTRIBUTING.md SECURITY.md LICENSE-* $(find docs -name '*.md') \
  contracts/README.md sdk/README.md sdk/examples/pay.ts tests/compat/README.md tests/compat/dapps/README.md; do
  install -D -m 644 "$page" "$manual/$page"
done

echo "install: ${programs[*]} are in $root/bin, the units ${units[*]} in $root/lib/systemd/system"
echo "install: flags, keys, and which chain needs which unit: $manual/docs/operations.md"
case $prefix in
  '' | /usr | /usr/local) ;;
  *) echo "install: systemd does not look there for units. Tell it once: systemctl link $prefix/lib/systemd/system/tandem-*.service" ;;
esac
