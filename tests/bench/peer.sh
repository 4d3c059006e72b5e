#!/bin/bash
# peer.sh DIR   makes a Debian sid tree in DIR holding bpftrace (0.27 or newer) and bpftool, and DIR/bpftrace,
# DIR/bpftool, which run them on this machine's kernel. About 600 MB. Needs root, mmdebstrap and the Debian mirror
# this system is set up with. 
set -euo pipefail
dir=$(realpath -m "${1:?usage: bpftrace.sh DIR}"); root=$dir/root
command -v mmdebstrap >/dev/null || { apt-get -qq update; apt-get -qq install -y mmdebstrap; }
if [ ! -x "$root/usr/bin/bpftrace" ]; then
  main=$(apt-get indextargets --format '$(REPO_URI)' | grep -m1 '/debian/$')
  rm -rf "$root"; mkdir -p "$dir"
  mmdebstrap --quiet --variant=apt --aptopt='Acquire::Check-Valid-Until "false"' \
    --include=bpftrace,bpftool,procps,iproute2,time sid "$root" "deb $main sid main"
fi
for p in bpftrace bpftool; do # the mounts live in a namespace of the command's own: deleting DIR stays harmless
  cat >"$dir/$p" <<RUN
#!/bin/sh
exec unshare -m sh -c 'for m in proc sys dev tmp; do mount --rbind /\$m "\$0/\$m"; done; exec chroot "\$0" $p "\$@"' '$root' "\$@"
RUN
  chmod +x "$dir/$p"
done
"$dir/bpftrace" --version
