# Sourced by cases: a network of their own. The interfaces awl0 (10.77.0.1, 10.88.0.1) and awl2 are here, their other ends awl1 (10.77.0.2, 10.88.0.2)
# and awl3 in the network namespace awl-lab; all go when the case ends. `there COMMAND` runs a command in that namespace; $THERE is the same as text.
# `receiving` waits for `packets receive`.
set -e
ip netns del awl-lab 2>/dev/null || true
ip link del awl0 2>/dev/null || true
ip link del awl2 2>/dev/null || true
trap 'ip link del awl0; ip link del awl2; ip netns del awl-lab' EXIT
ip netns add awl-lab
ip link add awl0 type veth peer name awl1 netns awl-lab
ip link add awl2 type veth peer name awl3 netns awl-lab
for interface in awl0 awl2; do
  # No packets of the kernel's own.
  sysctl -qw net.ipv6.conf.$interface.disable_ipv6=1 2>/dev/null || true
done
for interface in awl1 awl3; do ip netns exec awl-lab sysctl -qw net.ipv6.conf.$interface.disable_ipv6=1 2>/dev/null || true; done
ip address add 10.77.0.1/24 dev awl0
ip address add 10.88.0.1/24 dev awl0
ip -n awl-lab address add 10.77.0.2/24 dev awl1
ip -n awl-lab address add 10.88.0.2/24 dev awl1
for interface in awl0 awl2; do ip link set $interface up; done
for interface in awl1 awl3 lo; do ip -n awl-lab link set $interface up; done
# Neighbours are known, so that nothing is asked for.
ip neighbour replace 10.77.0.2 lladdr "$(ip netns exec awl-lab cat /sys/class/net/awl1/address)" dev awl0
for address in 10.77.0.1 10.88.0.1; do ip -n awl-lab neighbour replace $address lladdr "$(cat /sys/class/net/awl0/address)" dev awl1; done
THERE="$(command -v nsenter) --net=/run/netns/awl-lab"
there() { $THERE "$@"; }
receiving() { for _ in $(seq 400); do [ ! -e .receiving ] || return 0; sleep 0.05; done; } # waits until `packets receive` is ready
set +e
