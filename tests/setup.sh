#!/bin/bash
# setup.sh   installs every Debian package that building, running, testing, measuring and fuzzing awl need (Debian 12 and 13).
# Asks the package database first: when all is there it does nothing and needs neither root nor a network.
set -euo pipefail
packages=(
  # build
  g++ cmake ninja-build ccache pkg-config flex bison llvm-19 llvm-19-dev lld-19 libzstd-dev libxml2-dev libclang-19-dev libedit-dev
  libbpf-dev libbpfcc-dev libelf-dev libdw-dev zlib1g-dev liblzma-dev libiberty-dev libminizip-dev libzydis-dev libfmt-dev nlohmann-json3-dev
  # tests, guests
  libgtest-dev libgmock-dev systemtap-sdt-dev python3 iproute2 procps util-linux bpftool qemu-system-x86 busybox-static cpio kmod zstd xz-utils git
  # bench, fuzz, style
  libbenchmark-dev mmdebstrap time clang-19 libclang-rt-19-dev clang-format-19 clang-tidy-19
)
# Newer than Debian 12 has them: libbpf, and the kernel's own headers (linux/bpf.h).
newer=("libbpf-dev 1.4" "linux-libc-dev 6.12")
. /etc/os-release
[ "${VERSION_ID:-0}" -ge 13 ] 2>/dev/null && packages+=(virtiofsd) # Debian 12 has it within qemu
export DEBIAN_FRONTEND=noninteractive
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo --preserve-env=DEBIAN_FRONTEND "$@"; fi; }

installed() { dpkg-query -W -f '${db:Status-Status} ${Version}\n' "$1" 2>/dev/null | sed -n 's/^installed //p'; }
new_enough() { local version; version=$(installed "$1"); [ -n "$version" ] && dpkg --compare-versions "${version#*:}" ge "$2"; }
missing=() old=()
for p in "${packages[@]}"; do [ -n "$(installed "$p")" ] || missing+=("$p"); done
for p in "${newer[@]}"; do new_enough $p || old+=("${p% *}"); done
[ ${#old[@]} = 0 ] && [ ${#missing[@]} = 0 ] && exit 0

echo "setup: installing ${missing[*]} ${old[*]}"
as_root apt-get -qq update
install() { as_root apt-get -qq install -y --no-install-recommends -o Dpkg::Use-Pty=0 "$@" >/dev/null; }

# The distribution's own backports suite, from the archive that the system is set up with already.
add_backports() {
  local suite=$VERSION_CODENAME-backports archive keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  apt-get indextargets --format '$(CODENAME)' 'Created-By: Packages' | grep -qx "$suite" && return 0
  archive=$(apt-get indextargets --format '$(CODENAME) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
    sed -n "s/^$VERSION_CODENAME main //p" | head -1)
  [ -n "$archive" ] || { echo "setup: no source of $VERSION_CODENAME main found in apt's configuration; add one and run this again" >&2; exit 1; }
  echo "setup: adding $suite, for ${newer[*]}"
  { printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\n' "$archive" "$suite"
    [ ! -e "$keyring" ] || echo "Signed-By: $keyring"; } | as_root tee "/etc/apt/sources.list.d/$suite.sources" >/dev/null
  as_root apt-get -qq update
}

if [ ${#old[@]} != 0 ]; then
  install "${old[@]}" # enough where the release is new
  for p in "${newer[@]}"; do
    new_enough $p && continue
    add_backports
    install libelf-dev zlib1g-dev # from the release itself, so that only what is too old comes from backports
    install -t "$VERSION_CODENAME-backports" "${p% *}"
  done
fi
[ ${#missing[@]} = 0 ] || install "${missing[@]}"
echo "setup: done"
