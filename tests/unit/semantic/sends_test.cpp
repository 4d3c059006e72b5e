#include <gmock/gmock.h>

#include "compiled.h"

namespace awl {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// The bytes of the packets of a test, as hexadecimal digits.
std::vector<std::string> sent(const std::string& packet) {
  Compiled c("tc:lo:ingress { } test:t { send(packet(" + packet + ")); }", "plan", {.parameters_known = true, .testing = true});
  EXPECT_THAT(c.messages(), IsEmpty());
  std::vector<std::string> out;
  for (const artifact::Send& send : c.unit->meta.sends) {
    EXPECT_EQ(send.program, 0u);
    std::string& digits = out.emplace_back();
    for (uint8_t byte : send.packet) digits += fmt::format("{:02x}", byte);
  }
  return out;
}

// The sums were made by Python's struct and the few lines of RFC 1071.
TEST(Packets, LengthsTypesAndChecksumsAreFilledIn) {
  EXPECT_THAT(sent(R"(ip(src="10.0.0.1", dst="10.0.0.2", id=1), udp(sport=1000, dport=53), "odd")"),
              ElementsAre("020000000002" "020000000001" "0800" "4500001f00010000401166cb0a0000010a000002" "03e80035000b1454" "6f6464"));
  EXPECT_THAT(sent(R"(eth(src="02:00:00:00:00:0a", dst="ff:ff:ff:ff:ff:ff"), ip6(src="fd00::1", dst="fd00::2"), tcp(sport=1, dport=2, seq=0x01020304, syn=true))"),
              ElementsAre("ffffffffffff" "02000000000a" "86dd" "6000000000140640" "fd000000000000000000000000000001" "fd000000000000000000000000000002"
                          "00010002010203040000000050" "02ffffb1d50000"));
  EXPECT_THAT(sent(R"(ip(src="10.0.0.1", dst="10.0.0.2"), icmp(type=8, id=7, sequence=9))"),
              ElementsAre("020000000002" "020000000001" "0800" "4500001c00000000400166df0a0000010a000002" "0800f7ef00070009"));
}

TEST(Packets, WhatIsGivenStays) {
  // A wrong length, a wrong checksum, no version; a tag is announced to the header in front.
  EXPECT_THAT(sent(R"(vlan(id=5, priority=3), ip(version=0, tot_len=9, check=0xabcd, protocol=200), "x")"),
              ElementsAre("020000000002" "020000000001" "8100" "60050800" "0500000900000000" "40c8abcd" "00000000" "00000000" "78"));
  EXPECT_THAT(sent("eth(proto=0x88cc), 3"), ElementsAre("020000000002" "020000000001" "88cc" "000000"));
}

TEST(Packets, VariablesOfATestOutliveItsSteps) {
  Compiled c("xdp:lo { } test:t { $a = 1; send(packet(ip())); $b = (uint8)2; print($a); } test:u { $c = 3; }", "plan", {.parameters_known = true, .testing = true});
  EXPECT_THAT(c.messages(), IsEmpty());
  EXPECT_EQ(c.unit->probes[1].sends.size(), 1u);
  EXPECT_EQ(c.unit->meta.lost_offset, c.unit->probes[1].variables_offset + 16);  // two variables, each in 8 bytes; those of the other test are on the stack
}

}  // namespace
}  // namespace awl
