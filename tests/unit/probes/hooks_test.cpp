#include <gmock/gmock.h>

#include "probes/list.h"
#include "probes/packet.h"
#include "world.h"

namespace awl {
namespace {

using testing::Contains;
using testing::ElementsAre;

TEST(Hooks, Parse) {
  EXPECT_EQ(normalised("xdp:eth0"), "xdp:eth0");
  EXPECT_EQ(normalised("xdp:eth0:generic"), "xdp:eth0:generic");
  EXPECT_EQ(normalised("xdp:eth0:fast"), "xdp probes have no 'fast' (expects: generic or native)\n");
  EXPECT_EQ(normalised("xdp:"), "xdp probe type does not accept an empty interface\n");
  EXPECT_EQ(normalised("tc:eth0"), "tc probe type requires 2 arguments, found 1\n");
  EXPECT_EQ(normalised("tc:eth0:in"), "tc probes have no 'in' (expects: ingress or egress)\n");
  EXPECT_EQ(normalised("lsm:file_open:x"), "lsm probe type requires 1 arguments, found 2\n");
  EXPECT_EQ(normalised("connect4"), "connect4");
  EXPECT_EQ(normalised("cgroup_skb:egress:/sys/fs/cgroup/a"), "cgroup_skb:egress:/sys/fs/cgroup/a");
  EXPECT_EQ(normalised("cgroup_skb:out"), "cgroup_skb probes have no 'out' (expects: egress, ingress)\n");
  EXPECT_EQ(normalised("netfilter:ip:local_in:-5"), "netfilter:ip:local_in:-5");
  EXPECT_EQ(normalised("netfilter:ip:in"), "netfilter probes have no 'in' (expects: forward, local_in, local_out, post_routing, pre_routing)\n");
  EXPECT_EQ(normalised("netfilter:ip:local_in:soon"), "netfilter probes have no 'soon' (expects: a priority, a number such as -10)\n");
  EXPECT_EQ(normalised("sk_lookup:"), "sk_lookup probe type does not accept an empty network namespace\n");
  EXPECT_EQ(normalised("socket_filter:lo:x"), "socket_filter probe type requires 1 arguments, found 2\n");
  EXPECT_EQ(normalised("fmod_ret:vfs_read"), "fmod_ret:vfs_read");
  EXPECT_EQ(normalised("sockops:closed"), "sockops probes have no 'closed' (expects: active_established, passive_established, tcp_connect, tcp_listen, state, retrans, rto, rtt)\n");
}

TEST(Hooks, KindsOnCgroups) {
  for (const char* kind : {"connect4", "connect6", "bind4", "bind6", "sendmsg4", "sendmsg6", "getpeername4", "getpeername6", "getsockname4", "getsockname6",
                           "sock_create", "getsockopt", "setsockopt", "sysctl", "device"}) {
    EXPECT_EQ(normalised(kind), kind);
    EXPECT_EQ(normalised(std::string(kind) + ":/sys/fs/cgroup/a"), std::string(kind) + ":/sys/fs/cgroup/a");
    FakeHost host;
    EXPECT_TRUE(attachments_of(kind, host).starts_with("cgroup /sys/fs/cgroup type ")) << kind;
  }
}

TEST(Hooks, Attach) {
  FakeHost host;
  EXPECT_EQ(attachments_of("xdp:eth0:native", host), "xdp native eth0\n");
  EXPECT_EQ(attachments_of("tc:lo:egress", host), "tc egress lo\n");
  EXPECT_EQ(attachments_of("netfilter:ip6:local_out", host), "netfilter 10 hook 3 priority -10\n");
  EXPECT_EQ(attachments_of("sk_lookup", host), "network namespace /proc/self/ns/net type 36\n");
  EXPECT_EQ(attachments_of("socket_filter:lo", host), "socket lo\n");
  EXPECT_EQ(attachments_of("connect6", host), "cgroup /sys/fs/cgroup type 11\n");
}

TEST(Hooks, List) {
  FakeHost host;
  EXPECT_THAT(list_probes("xdp:*", false, host).value(), ElementsAre("xdp:eth0", "xdp:lo"));
  EXPECT_THAT(list_probes("tc:eth*:*", false, host).value(), ElementsAre("tc:eth0:egress", "tc:eth0:ingress"));
  EXPECT_THAT(list_probes("sockops:*", false, host).value(), Contains("sockops:tcp_listen"));
}

TEST(Packet, FieldsLieWithinTheirHeader) {
  for (const PacketView& view : packet_views())
    for (const PacketField& field : view.fields) {
      if (field.form == PacketField::Form::length) continue;
      EXPECT_LE(field.offset + field.size, view.size) << view.name << "." << field.name;
    }
}

}  // namespace
}  // namespace awl
