#!/bin/bash
# vm.sh KERNELDIR ROOT CMD...   boots KERNELDIR's unmodified Debian kernel under QEMU (software emulation) with ROOT as
# a copy-on-write root filesystem, runs CMD there as root, prints its output and exits with its status.
# KERNELDIR holds unpacked kernel packages (see kernels.sh). /tmp and /run are empty in the guest.
#   VM_MEM   guest memory in MiB (4096)    VM_CPUS (2)    VM_TIMEOUT   seconds (600)
#   VM_OUT=DIR   a folder shared read-write with the guest, there as /out
#   VM_MODULES   further kernel modules to load           VM_APPEND   further kernel arguments
# cx16=off: QEMU 7.2 emulates cmpxchg16b wrongly with two CPUs, which corrupts the guest's allocator.
set -euo pipefail
kdir=$(realpath "$1"); root=$(realpath "$2"); shift 2
mem=${VM_MEM:-4096}; cpus=${VM_CPUS:-2}; limit=${VM_TIMEOUT:-600}
kernel=$(find "$kdir" -name 'vmlinuz*' | sort | head -1)
release=$(basename "$kernel" | sed 's/^vmlinuz-*//'); [ -n "$release" ] || release=$(basename "$(dirname "$kernel")")
moddir=$(find "$kdir" -type d -path "*/modules/$release" | head -1)
work=$(mktemp -d); vfs=; vfs2=; qemu=
cleanup() { for p in $qemu $vfs $vfs2; do kill "$p" 2>/dev/null || true; done; rm -rf "$work"; }
trap cleanup EXIT; trap 'exit 143' TERM INT
ird=$work/ird; mkdir -p "$ird"/{bin,proc,sys,dev,mods,mnt,up,new}
cp /bin/busybox "$ird/bin/"; ln -s busybox "$ird/bin/sh"
if [ -n "$moddir" ] && [ ! -s "$moddir/modules.dep" ]; then
  depmod -b "$(dirname "$(dirname "$(dirname "$moddir")")")" "$release" 2>/dev/null
fi
n=0; declare -A seen
load() { # a module's path below moddir, once, unpacked
  [ -n "${seen[$1]:-}" ] && return 0; seen[$1]=1
  local out; out="$ird/mods/$(printf %03d $n)-$(basename "${1%.ko*}").ko"; n=$((n + 1))
  case $1 in *.xz) xz -dc "$moddir/$1" >"$out" ;; *.zst) zstd -qdc "$moddir/$1" >"$out" ;; *) cp "$moddir/$1" "$out" ;; esac
}
add() { # a module's name, after what it depends on
  local path dep line
  path=$(cd "$moddir" && find . -name "$1.ko*" | sed 's#^\./##' | head -1); [ -z "$path" ] && return 0
  line=$(grep "^$path:" "$moddir/modules.dep" || true)
  for dep in $(echo "${line#*:}" | tr ' ' '\n' | tac); do load "$dep"; done
  load "$path"
}
if [ -n "$moddir" ]; then
  for m in virtio_pci fuse virtiofs overlay veth dummy cls_bpf sch_ingress act_bpf ${VM_MODULES:-}; do add "$m"; done
fi
printf '%s\n' "$*" >"$ird/cmd"
cat >"$ird/init" <<'INIT'
#!/bin/sh
b=/bin/busybox
$b mount -t proc proc /proc; $b mount -t sysfs sysfs /sys; $b mount -t devtmpfs devtmpfs /dev
for m in /mods/*.ko; do [ -e $m ] && $b insmod $m 2>/dev/null; done
$b mount -t virtiofs rootfs /mnt || { echo "no root filesystem"; $b poweroff -f; }
$b mount -t tmpfs -o size=75% tmpfs /up; $b mkdir /up/u /up/w
$b mount -t overlay -o lowerdir=/mnt,upperdir=/up/u,workdir=/up/w overlay /new 2>/dev/null || $b mount --bind /mnt /new
for d in proc sys dev; do $b mount --move /$d /new/$d; done
$b mount -t tmpfs tmpfs /new/tmp; $b mount -t tmpfs tmpfs /new/run
$b mount -t tracefs tracefs /new/sys/kernel/tracing; $b mount -t debugfs debugfs /new/sys/kernel/debug 2>/dev/null
$b mount -t securityfs securityfs /new/sys/kernel/security 2>/dev/null; $b mount -t bpf bpf /new/sys/fs/bpf 2>/dev/null
$b mount -t cgroup2 cgroup2 /new/sys/fs/cgroup 2>/dev/null
$b mkdir -p /new/dev/shm /new/dev/pts; $b mount -t devpts devpts /new/dev/pts 2>/dev/null; $b mount -t tmpfs tmpfs /new/dev/shm
$b ln -sfn /proc/self/fd /new/dev/fd; for i in 0:stdin 1:stdout 2:stderr; do $b ln -sfn /proc/self/fd/${i%:*} /new/dev/${i#*:}; done
$b mkdir -p /new/out; $b mount -t virtiofs out /new/out 2>/dev/null
$b ip link set lo up; $b hostname vm
$b cp /cmd /new/tmp/.cmd; $b cp $b /new/tmp/.busybox
$b cat >/new/tmp/.init <<'E'
export HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb
cd /; printf '\nVM-BEGIN\n'
/bin/sh -c '. /tmp/.cmd'
echo "VM-EXIT=$?"; /tmp/.busybox sync; /tmp/.busybox poweroff -f
E
exec $b switch_root /new /bin/sh /tmp/.init
INIT
chmod +x "$ird/init"; (cd "$ird" && find . | cpio -o -H newc 2>/dev/null | gzip -1) >"$work/ird.gz"
virtiofsd=/usr/lib/qemu/virtiofsd; [ -x "$virtiofsd" ] || virtiofsd=/usr/libexec/virtiofsd # Debian 12, 13
share() { "$virtiofsd" --socket-path="$work/$1" -o source="$2" -o cache="$3" -o sandbox=chroot >"$work/$1.log" 2>&1 & }
share root.sock "$root" always; vfs=$!; extra=()
if [ -n "${VM_OUT:-}" ]; then
  mkdir -p "$VM_OUT"; share out.sock "$(realpath "$VM_OUT")" none; vfs2=$!
  extra=(-chardev "socket,id=c2,path=$work/out.sock" -device vhost-user-fs-pci,chardev=c2,tag=out)
fi
for _ in $(seq 100); do [ -S "$work/root.sock" ] && { [ -z "$vfs2" ] || [ -S "$work/out.sock" ]; } && break; sleep 0.05; done
timeout "$limit" qemu-system-x86_64 -nodefaults -nographic -smp "$cpus" -cpu max,cx16=off \
  -accel tcg,thread=multi,tb-size=1024 -no-reboot \
  -m "$mem" -object memory-backend-memfd,id=mem,size="${mem}M",share=on -numa node,memdev=mem \
  -chardev "socket,id=c,path=$work/root.sock" -device vhost-user-fs-pci,chardev=c,tag=rootfs "${extra[@]}" \
  -serial stdio -kernel "$kernel" -initrd "$work/ird.gz" \
  -append "console=ttyS0 quiet panic=-1 lsm=lockdown,capability,bpf mitigations=off ${VM_APPEND:-}" \
  </dev/null >"$work/console" 2>&1 & qemu=$!
wait "$qemu" || true; qemu=
tr -d '\r' <"$work/console" >"$work/text"
grep -q '^VM-BEGIN$' "$work/text" || { echo "vm.sh: the guest did not come up:" >&2; cat "$work/text" "$work/root.sock.log" >&2; exit 125; }
sed -n '/^VM-BEGIN$/,/^VM-EXIT=/p' "$work/text" | sed -e 1d -e '/^VM-EXIT=/d'
code=$(sed -n 's/^VM-EXIT=//p' "$work/text" | tail -1)
[ -n "$code" ] || { echo "vm.sh: the guest ended before the command did (time limit, or a kernel crash); its console ends:" >&2; tail -n 5 "$work/text" >&2; exit 124; }
exit "$code"
