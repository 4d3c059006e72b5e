#include <gmock/gmock.h>

#include "probes/usdt_arguments.h"
#include "world.h"

namespace awl {
namespace {

using artifact::PlaceArgument;
using artifact::PlaceKind;
using testing::HasSubstr;

struct Usdt : testing::Test {
  FakeHost host;
  void SetUp() override {
    host.elf["/bin/shop"] = host.elf["/lib/libpay.so"] = {};
    host.executables = {"/bin/shop", "/lib/libpay.so"};
    host.files["/bin/shop"] = host.files["/lib/libpay.so"] = "";
    host.notes["/bin/shop"] = {{"shop", "sold", 0x1010, 0x10, 0x500, "-4@%edi 8@-16(%rbp)"}, {"shop", "sold", 0x1020, 0x20, 0x500, "-4@$3 8@%rax"}, {"shop", "open", 0x1030, 0x30, 0, ""}};
    host.notes["/lib/libpay.so"] = {{"pay", "sold", 0x2010, 0x110, 0, ""}, {"card", "sold", 0x2020, 0x120, 0, "4@total+4(%rip)"}};
    host.mapped = {{7, {"/bin/shop"}}, {8, {"/bin/shop", "/lib/libpay.so"}}};
  }
  std::string places(const std::string& text) {
    const auto target = parse_point(text).target;
    const auto matches = target->provider->match(*target, host);
    const auto rows = target->provider->places(*matches, host);
    std::string out;
    for (const artifact::PlaceRow& row : *rows) {
      out += fmt::format("match {}", row.match);
      for (const PlaceArgument& a : row.arguments)
        if (a.kind != PlaceKind::none) out += fmt::format(" {}:{}{}", static_cast<int>(a.kind), a.is_signed ? "-" : "", a.size);
      out += "; ";
    }
    return out;
  }
};

TEST_F(Usdt, Parse) {
  EXPECT_EQ(normalised("usdt:/bin/shop:sold"), "usdt:/bin/shop:sold");
  EXPECT_EQ(normalised("U:/bin/shop:shop:sold"), "usdt:/bin/shop:shop:sold");
  EXPECT_EQ(normalised("usdt:/bin/shop"), "usdt probe type requires 2 or 3 arguments, found 1\n");
  EXPECT_THAT(normalised("usdt:/bin/shop::sold"), HasSubstr("empty namespace"));
  EXPECT_THAT(normalised("usdt::sold"), HasSubstr("empty binary"));
}

TEST_F(Usdt, Match) {
  EXPECT_EQ(matches_of("usdt:/bin/shop:sold", host), "usdt:/bin/shop:shop:sold");
  EXPECT_EQ(matches_of("usdt:/bin/shop:*", host), "usdt:/bin/shop:shop:open usdt:/bin/shop:shop:sold");
  EXPECT_EQ(matches_of("usdt:/lib/libpay.so:*:s*", host), "usdt:/lib/libpay.so:card:sold usdt:/lib/libpay.so:pay:sold");
  EXPECT_THAT(matches_of("usdt:/lib/libpay.so:sold", host), HasSubstr("sold is in several namespaces of '/lib/libpay.so': card, pay"));
  EXPECT_EQ(matches_of("usdt:/bin/shop:pay:sold", host), "");
  EXPECT_THAT(matches_of("usdt:/nosuch:a", host), HasSubstr("usdt target file '/nosuch' does not exist or is not executable"));
}

TEST_F(Usdt, AnyProcessOrOne) {
  EXPECT_EQ(matches_of("usdt:*:card:sold", host), "usdt:/lib/libpay.so:card:sold");
  host.process = 7;
  EXPECT_EQ(matches_of("usdt:*:sold", host), "usdt:/bin/shop:shop:sold");
}

TEST_F(Usdt, AttachRaisesSemaphores) {
  EXPECT_EQ(attachments_of("usdt:/bin/shop:sold", host), "uprobe_multi /bin/shop pid -1 0x10=0 semaphore 0x500 0x20=0 semaphore 0x500\n");
  EXPECT_EQ(attachments_of("usdt:/bin/shop:open", host, false, 7), "uprobe /bin/shop+0x30 pid 7 cookie 0\n");
  host.features.erase(Feature::uprobe_multi);
  EXPECT_EQ(attachments_of("usdt:/bin/shop:sold", host), "uprobe /bin/shop+0x10 pid -1 cookie 0 semaphore 0x500\nuprobe /bin/shop+0x20 pid -1 cookie 0 semaphore 0x500\n");
}

TEST_F(Usdt, Places) {
  EXPECT_EQ(places("usdt:/bin/shop:*"), "match 0; match 1 2:-4 3:8; match 1 1:-4 2:8; ");
  host.elf["/lib/libpay.so"] = {{"total", 0x3000, 0, 8}};
  EXPECT_EQ(places("usdt:/lib/libpay.so:card:sold"), "match 0 3:4; ");
}

// "kind value base index*scale size skip", as an argument is understood.
std::string read(const std::string& text) {
  std::string out;
  for (const UsdtArgument& argument : parse_usdt_arguments(text)) {
    const PlaceArgument& p = argument.place;
    out += out.empty() ? "" : "; ";
    if (p.kind == PlaceKind::none) {
      out += argument.reason;
      continue;
    }
    out += fmt::format("{}{}", p.is_signed ? "-" : "", p.size);
    if (p.kind == PlaceKind::constant) out += fmt::format(" {}", static_cast<int64_t>(p.value));
    if (p.kind == PlaceKind::in_register) out += fmt::format(" r{}{}", p.base, p.skip ? fmt::format(">>{}", p.skip) : "");
    if (p.kind == PlaceKind::in_memory) out += fmt::format(" [{}{}{}]", p.has_base ? fmt::format("r{} ", p.base) : "", p.scale ? fmt::format("r{}*{} ", p.index, p.scale) : "", static_cast<int64_t>(p.value));
    if (!argument.symbol.empty()) out += " " + argument.symbol + (argument.from_ip ? " from ip" : "");
  }
  return out;
}

TEST(UsdtArguments, Operands) {
  EXPECT_EQ(read("-4@%edi 8@%r15 1@%al 1@%ah 2@%r8w"), "-4 r14; 8 r0; 1 r10; 1 r10>>8; 2 r9");
  EXPECT_EQ(read("4@$7 -4@$-7 8@$0x10"), "4 7; -4 -7; 8 16");
  EXPECT_EQ(read("8@-16(%rbp) 8@(%rax) -8@8(%rax,%rcx,8) 4@(,%rdx,4) "), "8 [r4 -16]; 8 [r10 0]; -8 [r10 r11*8 8]; 4 [r12*4 0]");
  EXPECT_EQ(read("4@total(%rip) 4@total+8(%rip) 4@8+total(%rip) 8@table(,%rax,8) 4@counter"), "4 [r16 0] total from ip; 4 [r16 8] total from ip; 4 [r16 8] total from ip; 8 [r10*8 0] table; 4 [0] counter");
  EXPECT_EQ(read("%rax $5"), "8 r10; 8 5");
}

TEST(UsdtArguments, WhatCannotBeRead) {
  EXPECT_EQ(read("8f@%xmm0"), "is in the vector register %xmm0");
  EXPECT_EQ(read("8@%fs:16"), "is in another segment (%fs:16)");
  EXPECT_EQ(read("3@%rax"), "has a size that is not understood (3)");
  for (const char* broken : {"8@", "8@(%rip)", "8@4(%rax", "8@%r99", "8@(%rax,%rcx,3)", "8@(((", "8@(,,,)", "8@$", "8@x@GOT(%rip)"}) EXPECT_TRUE(read(broken).starts_with("is at a place that is not understood")) << broken << read(broken);
  EXPECT_EQ(read(""), "");
}

}  // namespace
}  // namespace awl
