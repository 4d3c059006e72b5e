#!/bin/bash
# kernels.sh DIR   downloads unmodified Debian cloud kernels (image + modules) and unpacks each into
# DIR/<series>: 5.10, 6.1, 6.12 and latest. Skips what is there. Needs apt-get, dpkg and network access
# to the Debian mirror that this system is already set up with; touches nothing outside DIR.
set -euo pipefail
dir=$(realpath -m "${1:?usage: kernels.sh DIR}"); mkdir -p "$dir"
for series in 5.10 6.1 6.12 latest; do [ -d "$dir/$series/boot" ] || missing=1; done; [ -n "${missing:-}" ] || exit 0
main=$(apt-get indextargets --format '$(REPO_URI)' | grep -m1 '/debian/$')
security=${main%/debian/}/debian-security/
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
fetch() { # series suite repo package-regex
  local series=$1 suite=$2 repo=$3 pattern=$4 apt=$dir/.apt/$2 pkgs=() p
  [ -d "$dir/$series/boot" ] && return 0
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
  echo "deb [signed-by=$keyring check-valid-until=no] $repo $suite main" > "$apt/list"
  local o=(-qq -oDir::Etc::sourcelist="$apt/list" -oDir::Etc::sourceparts=/dev/null -oDir::State::Lists="$apt/lists" -oDir::Cache="$apt/cache" -oAPT::Sandbox::User=root)
  apt-get "${o[@]}" update
  # newer kernels come split: the image package is empty, linux-binary and linux-modules hold the files
  p=$(apt-cache "${o[@]}" pkgnames | grep -E "^linux-modules-$pattern-cloud-amd64$" | sort -V | tail -1 || true)
  if [ -n "$p" ]; then pkgs=("$p" "${p/modules/binary}")
  else pkgs=("$(apt-cache "${o[@]}" pkgnames | grep -E "^linux-image-$pattern-cloud-amd64$" | sort -V | tail -1)"); fi
  rm -rf "$dir/$series.tmp"; mkdir -p "$dir/$series.tmp"
  (cd "$dir/$series.tmp" && apt-get "${o[@]}" download "${pkgs[@]}" && for d in *.deb; do dpkg -x "$d" .; rm "$d"; done)
  # merged-/usr packages keep their files under usr/lib: give every series the same shape
  local t=$dir/$series.tmp k; mkdir -p "$t/boot"
  for k in $(find "$t" -name 'vmlinuz*' -not -path "$t/boot/*"); do mv "$k" "$t/boot/vmlinuz-$(basename "$(dirname "$k")")" 2>/dev/null || true; done
  mv "$t" "$dir/$series"
  echo "$series: $(ls "$dir/$series/boot" | grep -m1 vmlinuz)"
}
fetch 5.10 bullseye-security "$security" '5\.10\.0-[0-9]+'
fetch 6.1 bookworm "$main" '6\.1\.0-[0-9]+'
fetch 6.12 bookworm-backports "$main" '6\.12\.[0-9]+.*'
fetch latest trixie-backports "$main" '[7-9]\.[0-9]+\.[0-9]+.*'
