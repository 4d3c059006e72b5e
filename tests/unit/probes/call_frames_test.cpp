#include "probes/call_frames.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <gtest/gtest.h>

#include <functional>
#include <optional>

#include "probes/elf_file.h"

namespace awl {
namespace {

using namespace artifact;
using Bytes = std::vector<uint8_t>;

constexpr uint64_t section_address = 0x10000;

Bytes join(std::initializer_list<Bytes> parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

Bytes word(uint32_t value) { return {uint8_t(value), uint8_t(value >> 8), uint8_t(value >> 16), uint8_t(value >> 24)}; }

// An entry: its length, its id, its contents filled up with DW_CFA_nop to a multiple of 8.
Bytes entry(uint32_t id, Bytes contents) {
  while ((contents.size() + 8) % 8 != 0) contents.push_back(DW_CFA_nop);
  return join({word(static_cast<uint32_t>(contents.size() + 4)), word(id), contents});
}

// As compilers write it: version 1, code factor 1, data factor -8, return address in 16, pointers of 4 bytes relative to their place; the CFA is
// rsp + 8, the return address is below it. `signal`: of frames made by the kernel.
Bytes common(bool signal = false) {
  const Bytes name = signal ? Bytes{'z', 'R', 'S', 0} : Bytes{'z', 'R', 0};
  return entry(0, join({{1}, name, {1, 0x78, 16, 1, DW_EH_PE_pcrel | DW_EH_PE_sdata4, DW_CFA_def_cfa, 7, 8, DW_CFA_offset | 16, 1}}));
}

// The description of a function, which stands `at` bytes into the section; its common entry is the section's first.
Bytes function(size_t at, uint64_t address, uint32_t size, const Bytes& code) {
  const auto distance = static_cast<uint32_t>(address - (section_address + at + 8));
  return entry(static_cast<uint32_t>(at + 4), join({word(distance), word(size), {0}, code}));
}

Bytes one_function(const Bytes& code, bool signal = false) {
  const Bytes first = common(signal);
  return join({first, function(first.size(), 0x1000, 100, code), word(0)});
}

std::vector<CallFrameRow> rows_of(const Bytes& section) {
  Result<std::vector<CallFrameRow>> rows = read_call_frames(section, section_address, 1000);
  EXPECT_TRUE(rows) << rows.error().text();
  return rows ? *rows : std::vector<CallFrameRow>();
}

constexpr UnwindRule on_entry{.cfa_offset = 8, .ra_offset = -8, .cfa = cfa_known};
constexpr UnwindRule unknown{};

UnwindRule changed(UnwindRule rule, const std::function<void(UnwindRule&)>& change) {
  change(rule);
  return rule;
}

TEST(CallFrames, AFunctionThatPushesAndTakesRoom) {
  const auto rows = rows_of(one_function({DW_CFA_advance_loc | 1, DW_CFA_def_cfa_offset, 16, DW_CFA_offset | 6, 2, DW_CFA_advance_loc1, 50, DW_CFA_def_cfa_register, 6,
                                          DW_CFA_advance_loc2, 10, 0, DW_CFA_remember_state, DW_CFA_def_cfa, 7, 8, DW_CFA_restore | 6, DW_CFA_advance_loc | 1, DW_CFA_restore_state}));
  ASSERT_EQ(rows.size(), 6u);
  const UnwindRule pushed = changed(on_entry, [](UnwindRule& r) { r.cfa_offset = 16, r.bp = UnwindPlace::frame, r.bp_offset = -16; });
  const UnwindRule framed = changed(pushed, [](UnwindRule& r) { r.cfa |= cfa_frame_pointer; });
  EXPECT_EQ(rows[0], (CallFrameRow{0x1000, on_entry}));
  EXPECT_EQ(rows[1], (CallFrameRow{0x1001, pushed}));
  EXPECT_EQ(rows[2], (CallFrameRow{0x1001 + 50, framed}));
  EXPECT_EQ(rows[3], (CallFrameRow{0x1001 + 60, on_entry}));
  EXPECT_EQ(rows[4], (CallFrameRow{0x1001 + 61, framed}));
  EXPECT_EQ(rows[5], (CallFrameRow{0x1000 + 100, unknown}));
}

TEST(CallFrames, TheOutermostFunctionEndsTheStack) {
  const auto rows = rows_of(one_function({DW_CFA_undefined, 16}));
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0], (CallFrameRow{0x1000, unknown}));
}

TEST(CallFrames, FunctionsInAnyOrderWithGapsBetween) {
  const Bytes first = common();
  const Bytes later = function(first.size(), 0x3000, 16, {});
  const Bytes sooner = function(first.size() + later.size(), 0x2000, 16, {DW_CFA_advance_loc | 4, DW_CFA_def_cfa_offset, 32});
  const Bytes beside = function(first.size() + later.size() + sooner.size(), 0x2010, 16, {});
  const auto rows = rows_of(join({first, later, sooner, beside}));
  ASSERT_EQ(rows.size(), 6u);
  EXPECT_EQ(rows[0].address, 0x2000u);
  EXPECT_EQ(rows[1].address, 0x2004u);
  EXPECT_EQ(rows[1].rule.cfa_offset, 32);
  EXPECT_EQ(rows[2], (CallFrameRow{0x2010, on_entry}));
  EXPECT_EQ(rows[3], (CallFrameRow{0x2020, unknown}));
  EXPECT_EQ(rows[4], (CallFrameRow{0x3000, on_entry}));
  EXPECT_EQ(rows[5], (CallFrameRow{0x3010, unknown}));
}

// The forms of System V ABI tables and of the C library: entries of a procedure linkage table, stacks that were aligned, return from a signal.
TEST(CallFrames, Expressions) {
  auto rule_of = [](const Bytes& code, bool signal = false) { return rows_of(one_function(code, signal)).at(0).rule; };
  EXPECT_EQ(rule_of({DW_CFA_def_cfa_expression, 11, DW_OP_breg7, 8, DW_OP_breg16, 0, DW_OP_lit15, DW_OP_and, DW_OP_lit11, DW_OP_ge, DW_OP_lit3, DW_OP_shl, DW_OP_plus}),
            changed(on_entry, [](UnwindRule& r) { r.cfa |= cfa_by_address, r.cfa_extra = 11; }));
  EXPECT_EQ(rule_of({DW_CFA_def_cfa_expression, 3, DW_OP_breg6, 0x78, DW_OP_deref, DW_CFA_expression, 6, 2, DW_OP_breg6, 0}),
            changed(on_entry, [](UnwindRule& r) { r.cfa |= cfa_frame_pointer | cfa_in_memory, r.cfa_offset = -8, r.bp = UnwindPlace::frame_pointer; }));
  EXPECT_EQ(rule_of({DW_CFA_def_cfa_expression, 5, DW_OP_breg7, 40, DW_OP_deref, DW_OP_plus_uconst, 8}),
            changed(on_entry, [](UnwindRule& r) { r.cfa |= cfa_in_memory, r.cfa_offset = 40, r.cfa_extra = 8; }));
  EXPECT_EQ(rule_of({DW_CFA_def_cfa_expression, 4, DW_OP_breg7, 0xa0, 1, DW_OP_deref, DW_CFA_expression, 16, 3, DW_OP_breg7, 0xa8, 1, DW_CFA_expression, 6, 3, DW_OP_breg7, 0xf8, 0}, true),
            (UnwindRule{.cfa_offset = 160, .bp_offset = 120, .ra_offset = 168, .cfa = cfa_known | cfa_in_memory, .bp = UnwindPlace::stack_pointer, .ra = UnwindPlace::stack_pointer, .interrupted = 1}));
  EXPECT_EQ(rule_of({DW_CFA_def_cfa_expression, 2, DW_OP_breg3, 8}), unknown) << "counted from a register that is not followed";
  EXPECT_EQ(rule_of({DW_CFA_def_cfa_expression, 3, DW_OP_breg7, 8, DW_OP_dup}), unknown);
  EXPECT_EQ(rule_of({DW_CFA_def_cfa, 10, 0}), unknown);
  EXPECT_EQ(rule_of({DW_CFA_register, 6, 3}).bp, UnwindPlace::lost);
}

TEST(CallFrames, WhatIsNotUnderstoodIsLeftOut) {
  EXPECT_EQ(rows_of(one_function({DW_CFA_restore_state})).at(0).rule, unknown);
  EXPECT_EQ(rows_of(one_function({DW_CFA_advance_loc1, 200, DW_CFA_def_cfa_offset, 16})).at(0).rule, unknown) << "beyond the function's end";
  EXPECT_EQ(rows_of(one_function({0x3f})).at(0).rule, unknown);
  EXPECT_EQ(rows_of(one_function({DW_CFA_def_cfa_offset, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})).at(0).rule, unknown) << "no offset of a frame";
  EXPECT_TRUE(rows_of({}).empty());
  EXPECT_TRUE(rows_of(Bytes(64, 0xff)).empty());
  Bytes cut = one_function({DW_CFA_advance_loc | 1, DW_CFA_def_cfa_offset, 16});
  while (!cut.empty()) {
    cut.pop_back();
    rows_of(cut);  // under the sanitizers: nothing beyond the end is read
  }
}

TEST(CallFrames, TooManyRowsAreAnError) {
  Bytes code;
  for (int i = 0; i < 20; ++i) code.insert(code.end(), {DW_CFA_advance_loc | 1, DW_CFA_def_cfa_offset, uint8_t(16 + 8 * (i % 2))});
  Result<std::vector<CallFrameRow>> rows = read_call_frames(one_function(code), section_address, 10);
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().text(), "it has more than 10 rows of unwinding data (Argument list too long)");
}

// What libdw makes of one address, in our terms; nothing for forms that are left out.
std::optional<UnwindRule> rule_by_libdw(Dwarf_CFI* frames, uint64_t address) {
  Dwarf_Frame* frame = nullptr;
  if (dwarf_cfi_addrframe(frames, address, &frame) != 0) return std::nullopt;
  const std::unique_ptr<Dwarf_Frame, void (*)(void*)> owner(frame, free);
  Dwarf_Op *operations = nullptr, memory[3];
  size_t count = 0;
  if (dwarf_frame_cfa(frame, &operations, &count) != 0 || count != 1 || (operations[0].atom != DW_OP_bregx && operations[0].atom != DW_OP_breg6 && operations[0].atom != DW_OP_breg7)) return std::nullopt;
  const bool indexed = operations[0].atom == DW_OP_bregx;
  const uint64_t base = indexed ? operations[0].number : operations[0].atom - DW_OP_breg0;
  UnwindRule rule{.cfa_offset = static_cast<int32_t>(indexed ? operations[0].number2 : operations[0].number), .ra_offset = -8, .cfa = cfa_known};
  if (base == 6) rule.cfa |= cfa_frame_pointer;
  else if (base != 7) return std::nullopt;
  if (dwarf_frame_register(frame, 16, memory, &operations, &count) != 0 || count == 0) return std::nullopt;
  if (dwarf_frame_register(frame, 6, memory, &operations, &count) != 0) return std::nullopt;
  if (count == 2 && operations[0].atom == DW_OP_call_frame_cfa && operations[1].atom == DW_OP_plus_uconst) {
    rule.bp = UnwindPlace::frame;
    rule.bp_offset = static_cast<int16_t>(operations[1].number);
  } else if (count != 0 || operations == memory) {
    return std::nullopt;
  }
  return rule;
}

// Every row of this program: two readers agree.
TEST(CallFrames, AsLibdwReadsThem) {
  Result<OpenElf> file = open_elf("/proc/self/exe");
  ASSERT_TRUE(file);
  Result<std::vector<CallFrameRow>> rows = read_call_frames(file->elf, 10'000'000);
  ASSERT_TRUE(rows) << rows.error().text();
  Dwarf_CFI* frames = dwarf_getcfi_elf(file->elf);
  ASSERT_NE(frames, nullptr);
  size_t compared = 0, known = 0;
  for (const CallFrameRow& row : *rows) {
    known += row.rule.cfa != 0;
    std::optional<UnwindRule> expected = rule_by_libdw(frames, row.address);
    if (!expected || !row.rule.cfa) continue;
    ++compared;
    ASSERT_EQ(row.rule, *expected) << std::hex << row.address;
  }
  EXPECT_GT(known, 1000u);
  EXPECT_GT(compared, known * 9 / 10);
  dwarf_cfi_end(frames);
}

}  // namespace
}  // namespace awl
