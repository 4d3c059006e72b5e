#include "probes/call_frames.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <gelf.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <limits>
#include <map>
#include <optional>
#include <string_view>
#include <tuple>

namespace awl {
namespace {

using artifact::UnwindPlace;
using artifact::UnwindRule;

// Numbers of registers in DWARF (System V ABI, AMD64 supplement, figure 3.36).
constexpr uint64_t frame_pointer = 6, stack_pointer = 7, return_address = 16;
// DW_CFA_remember_state: compilers nest two or three deep.
constexpr size_t most_remembered = 64;
constexpr uint64_t most_section_bytes = 512u << 20;

// Bytes that end somewhere; reading beyond gives 0 and `failed`.
class Cursor {
 public:
  Cursor(const uint8_t* begin, const uint8_t* end) : at_(begin), end_(std::max(begin, end)) {}
  const uint8_t* at() const { return at_; }
  bool failed() const { return failed_; }
  bool more() const { return !failed_ && at_ < end_; }
  template <typename T>
  T fixed() {
    std::array<uint8_t, sizeof(T)> bytes{};
    if (static_cast<size_t>(end_ - at_) < sizeof(T)) return fail();
    std::copy_n(at_, sizeof(T), bytes.begin());
    at_ += sizeof(T);
    return std::bit_cast<T>(bytes);
  }
  uint64_t unsigned_leb() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      uint8_t byte = fixed<uint8_t>();
      value |= uint64_t{byte & 0x7fu} << shift;
      if (!(byte & 0x80)) return value;
    }
    return fail();
  }
  int64_t signed_leb() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64;) {
      uint8_t byte = fixed<uint8_t>();
      value |= uint64_t{byte & 0x7fu} << shift;
      shift += 7;
      if (byte & 0x80) continue;
      if (byte & 0x40 && shift < 64) value |= ~uint64_t{0} << shift;
      return static_cast<int64_t>(value);
    }
    return fail();
  }
  Cursor block(uint64_t size) {
    if (failed_ || size > static_cast<uint64_t>(end_ - at_)) {
      fail();
      return {end_, end_};
    }
    at_ += size;
    return {at_ - size, at_};
  }

 private:
  uint8_t fail() {
    failed_ = true;
    at_ = end_;
    return 0;
  }
  const uint8_t *at_, *end_;
  bool failed_ = false;
};

// A pointer as DW_EH_PE_* of the augmentation says; nothing for forms that need what is not at hand. `base`: address of the section's first byte.
std::optional<uint64_t> encoded_pointer(Cursor& from, uint8_t encoding, const uint8_t* section, uint64_t base) {
  const uint64_t place = base + static_cast<uint64_t>(from.at() - section);
  uint64_t value = 0;
  switch (encoding & 0x0f) {
    case DW_EH_PE_absptr:
    case DW_EH_PE_udata8:
    case DW_EH_PE_sdata8: value = from.fixed<uint64_t>(); break;
    case DW_EH_PE_udata4: value = from.fixed<uint32_t>(); break;
    case DW_EH_PE_sdata4: value = static_cast<uint64_t>(int64_t{from.fixed<int32_t>()}); break;
    case DW_EH_PE_udata2: value = from.fixed<uint16_t>(); break;
    case DW_EH_PE_sdata2: value = static_cast<uint64_t>(int64_t{from.fixed<int16_t>()}); break;
    case DW_EH_PE_uleb128: value = from.unsigned_leb(); break;
    case DW_EH_PE_sleb128: value = static_cast<uint64_t>(from.signed_leb()); break;
    default: return std::nullopt;
  }
  if (from.failed() || (encoding & 0xf0 & ~DW_EH_PE_pcrel)) return std::nullopt;
  return encoding & DW_EH_PE_pcrel ? place + value : value;
}

// What is followed while a function's instructions are read.
struct State {
  UnwindRule rule;
  bool known = false;  // of the CFA
  bool outermost = false;  // the return address is undefined

  // As a row has it; a return address that nobody saved ends the stack, and so does what does not fit.
  UnwindRule row() const {
    if (!known || outermost || rule.ra == UnwindPlace::lost) return {};
    return rule;
  }
};

// A common information entry, taken apart.
struct Cie {
  Dwarf_CIE raw{};
  uint8_t encoding = DW_EH_PE_absptr;
  bool interrupted = false, has_size = false, understood = false;
  State initial;
};

class Reader {
 public:
  Reader(std::span<const uint8_t> section, uint64_t address, size_t most) : section_(section), address_(address), most_(most) {}
  Result<std::vector<CallFrameRow>> read();

 private:
  const Cie& cie_at(uint64_t offset);
  void read_fde(const Dwarf_FDE& fde);
  bool run(Cursor code, const Cie& cie, State& state, uint64_t* location, uint64_t end);
  bool step(uint8_t operation, Cursor& code, const Cie& cie, State& state);
  void set_cfa(State& state, uint64_t base, int64_t offset);
  void set_expression(State& state, Cursor expression);
  void save(State& state, uint64_t which, UnwindPlace place, int64_t offset);
  void forget(State& state, uint64_t which, UnwindPlace place);
  void add(uint64_t address, const State& state);

  std::span<const uint8_t> section_;
  uint64_t address_;
  size_t most_;
  std::map<uint64_t, Cie> cies_;
  std::vector<State> remembered_;
  std::vector<CallFrameRow> rows_;
  Elf_Data data_{};
};

constexpr unsigned char elf_ident[EI_NIDENT] = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT};

const Cie& Reader::cie_at(uint64_t offset) {
  auto [known, fresh] = cies_.try_emplace(offset);
  Cie& cie = known->second;
  if (!fresh) return cie;
  Dwarf_CFI_Entry entry;
  Dwarf_Off next = 0;
  if (offset >= section_.size() || dwarf_next_cfi(elf_ident, &data_, true, offset, &next, &entry) != 0 || !dwarf_cfi_cie_p(&entry)) return cie;
  cie.raw = entry.cie;
  std::string_view augmentation = cie.raw.augmentation;
  Cursor data(cie.raw.augmentation_data, cie.raw.augmentation_data ? cie.raw.augmentation_data + cie.raw.augmentation_data_size : nullptr);
  if (augmentation.starts_with('z')) {
    cie.has_size = true;
    augmentation.remove_prefix(1);
  }
  for (char letter : augmentation) {
    if (letter == 'R') cie.encoding = data.fixed<uint8_t>();
    else if (letter == 'L') data.fixed<uint8_t>();
    else if (letter == 'P') {
      if (!encoded_pointer(data, data.fixed<uint8_t>() & 0x0f, section_.data(), address_)) return cie;
    } else if (letter == 'S') cie.interrupted = true;
    else if (letter != 'B') return cie;
  }
  if (data.failed() || cie.raw.return_address_register != return_address) return cie;
  cie.initial.rule.interrupted = cie.interrupted;
  cie.understood = run({cie.raw.initial_instructions, cie.raw.initial_instructions_end}, cie, cie.initial, nullptr, 0);
  return cie;
}

void Reader::add(uint64_t address, const State& state) {
  UnwindRule rule = state.row();
  if (!rows_.empty() && rows_.back().address == address) rows_.back().rule = rule;
  else rows_.push_back({address, rule});
}

void Reader::set_cfa(State& state, uint64_t base, int64_t offset) {
  state.known = (base == frame_pointer || base == stack_pointer) && offset >= std::numeric_limits<int32_t>::min() && offset <= std::numeric_limits<int32_t>::max();
  if (!state.known) return;
  state.rule.cfa = artifact::cfa_known | (base == frame_pointer ? artifact::cfa_frame_pointer : 0);
  state.rule.cfa_offset = static_cast<int32_t>(offset);
  state.rule.cfa_extra = 0;
}

// The forms that occur: REGISTER + offset; the word there, plus a number; and for entries of a procedure linkage table
// rsp + offset + (((rip & 15) >= bound) << 3).
void Reader::set_expression(State& state, Cursor expression) {
  state.known = false;
  const uint8_t base = expression.fixed<uint8_t>();
  if (base != DW_OP_breg0 + frame_pointer && base != DW_OP_breg0 + stack_pointer) return;
  State made = state;
  set_cfa(made, base - DW_OP_breg0, expression.signed_leb());
  if (!made.known) return;
  if (expression.more()) {
    const uint8_t operation = expression.fixed<uint8_t>();
    if (operation == DW_OP_deref) {
      made.rule.cfa |= artifact::cfa_in_memory;
      if (expression.more()) {
        if (expression.fixed<uint8_t>() != DW_OP_plus_uconst) return;
        const uint64_t extra = expression.unsigned_leb();
        if (extra > INT16_MAX) return;
        made.rule.cfa_extra = static_cast<int16_t>(extra);
      }
    } else if (operation == DW_OP_breg16) {
      const int64_t offset = expression.signed_leb();
      const uint8_t mask = expression.fixed<uint8_t>(), both = expression.fixed<uint8_t>(), bound = expression.fixed<uint8_t>();
      const uint8_t rest[] = {expression.fixed<uint8_t>(), expression.fixed<uint8_t>(), expression.fixed<uint8_t>(), expression.fixed<uint8_t>()};
      constexpr uint8_t expected[] = {DW_OP_ge, DW_OP_lit3, DW_OP_shl, DW_OP_plus};
      if (offset != 0 || mask != DW_OP_lit15 || both != DW_OP_and || bound < DW_OP_lit0 || bound > DW_OP_lit15 || !std::ranges::equal(rest, expected)) return;
      made.rule.cfa |= artifact::cfa_by_address;
      made.rule.cfa_extra = static_cast<int16_t>(bound - DW_OP_lit0);
    } else {
      return;
    }
  }
  if (!expression.failed() && !expression.more()) state = made;
}

void Reader::save(State& state, uint64_t which, UnwindPlace place, int64_t offset) {
  if (offset < INT16_MIN || offset > INT16_MAX) return forget(state, which, UnwindPlace::lost);
  if (which == frame_pointer) {
    state.rule.bp = place;
    state.rule.bp_offset = static_cast<int16_t>(offset);
  } else if (which == return_address) {
    state.rule.ra = place;
    state.rule.ra_offset = static_cast<int16_t>(offset);
    state.outermost = false;
  }
}

void Reader::forget(State& state, uint64_t which, UnwindPlace place) {
  if (which == frame_pointer) {
    state.rule.bp = place;
    state.rule.bp_offset = 0;
  } else if (which == return_address) {
    state.rule.ra = UnwindPlace::lost;
    state.rule.ra_offset = 0;
    state.outermost = true;
  }
}

// One instruction that says where something is. False: what follows cannot be understood.
bool Reader::step(uint8_t operation, Cursor& code, const Cie& cie, State& state) {
  const uint8_t high = operation & 0xc0;
  const int64_t factor = cie.raw.data_alignment_factor;
  // Products beyond what a rule can hold are refused by save() and set_cfa(): this keeps them from wrapping.
  auto scaled = [&](int64_t value) {
    int64_t product = 0;
    return __builtin_mul_overflow(value, factor, &product) ? std::numeric_limits<int64_t>::max() : product;
  };
  auto restore = [&](uint64_t which) {
    const UnwindRule& initial = cie.initial.rule;
    if (which == frame_pointer) {
      state.rule.bp = initial.bp;
      state.rule.bp_offset = initial.bp_offset;
    } else if (which == return_address) {
      state.rule.ra = initial.ra;
      state.rule.ra_offset = initial.ra_offset;
      state.outermost = cie.initial.outermost;
    }
  };
  auto plain = [](uint64_t value) { return static_cast<int64_t>(std::min<uint64_t>(value, INT64_MAX)); };
  const uint64_t cfa_register = state.rule.cfa & artifact::cfa_frame_pointer ? frame_pointer : stack_pointer;
  if (high == DW_CFA_offset) return save(state, operation & 0x3f, UnwindPlace::frame, scaled(plain(code.unsigned_leb()))), true;
  if (high == DW_CFA_restore) return restore(operation & 0x3f), true;
  switch (operation) {
    case DW_CFA_nop: return true;
    case DW_CFA_GNU_args_size: return code.unsigned_leb(), true;
    case DW_CFA_def_cfa: {
      const uint64_t base = code.unsigned_leb();
      set_cfa(state, base, plain(code.unsigned_leb()));
      return true;
    }
    case DW_CFA_def_cfa_sf: {
      const uint64_t base = code.unsigned_leb();
      set_cfa(state, base, scaled(code.signed_leb()));
      return true;
    }
    case DW_CFA_def_cfa_register: set_cfa(state, code.unsigned_leb(), state.rule.cfa_offset); return true;
    case DW_CFA_def_cfa_offset:
    case DW_CFA_def_cfa_offset_sf: {
      const int64_t offset = operation == DW_CFA_def_cfa_offset ? plain(code.unsigned_leb()) : scaled(code.signed_leb());
      if (state.known) set_cfa(state, cfa_register, offset);
      return true;
    }
    case DW_CFA_def_cfa_expression: set_expression(state, code.block(code.unsigned_leb())); return true;
    case DW_CFA_offset_extended: {
      const uint64_t which = code.unsigned_leb();
      save(state, which, UnwindPlace::frame, scaled(plain(code.unsigned_leb())));
      return true;
    }
    case DW_CFA_offset_extended_sf: {
      const uint64_t which = code.unsigned_leb();
      save(state, which, UnwindPlace::frame, scaled(code.signed_leb()));
      return true;
    }
    case DW_CFA_expression: {
      const uint64_t which = code.unsigned_leb();
      Cursor expression = code.block(code.unsigned_leb());
      const uint8_t base = expression.fixed<uint8_t>();
      const int64_t offset = expression.signed_leb();
      const bool simple = (base == DW_OP_breg0 + frame_pointer || base == DW_OP_breg0 + stack_pointer) && !expression.failed() && !expression.more();
      if (simple) save(state, which, base == DW_OP_breg0 + frame_pointer ? UnwindPlace::frame_pointer : UnwindPlace::stack_pointer, offset);
      else forget(state, which, UnwindPlace::lost);
      return true;
    }
    case DW_CFA_undefined: return forget(state, code.unsigned_leb(), UnwindPlace::lost), true;
    case DW_CFA_same_value: return forget(state, code.unsigned_leb(), UnwindPlace::unchanged), true;
    case DW_CFA_restore_extended: return restore(code.unsigned_leb()), true;
    case DW_CFA_register:
    case DW_CFA_val_offset:
    case DW_CFA_val_offset_sf: {
      forget(state, code.unsigned_leb(), UnwindPlace::lost);
      code.unsigned_leb();
      return true;
    }
    case DW_CFA_val_expression: {
      forget(state, code.unsigned_leb(), UnwindPlace::lost);
      code.block(code.unsigned_leb());
      return true;
    }
    case DW_CFA_remember_state:
      if (remembered_.size() >= most_remembered) return false;
      remembered_.push_back(state);
      return true;
    case DW_CFA_restore_state:
      if (remembered_.empty()) return false;
      state = remembered_.back();
      remembered_.pop_back();
      return true;
    default: return false;
  }
}

// Follows instructions. With a location each advance makes a row of what held before it; advances up to `end` count. False: not understood.
bool Reader::run(Cursor code, const Cie& cie, State& state, uint64_t* location, uint64_t end) {
  remembered_.clear();
  while (code.more() && rows_.size() <= most_) {
    const uint8_t operation = code.fixed<uint8_t>();
    uint64_t distance = 0;
    bool advances = true;
    if ((operation & 0xc0) == DW_CFA_advance_loc) distance = operation & 0x3f;
    else if (operation == DW_CFA_advance_loc1) distance = code.fixed<uint8_t>();
    else if (operation == DW_CFA_advance_loc2) distance = code.fixed<uint16_t>();
    else if (operation == DW_CFA_advance_loc4) distance = code.fixed<uint32_t>();
    else advances = false;
    if (!advances && operation != DW_CFA_set_loc) {
      if (!step(operation, code, cie, state)) return false;
      continue;
    }
    if (!location) return false;
    uint64_t to = *location;
    if (advances) {
      if (__builtin_mul_overflow(distance, cie.raw.code_alignment_factor, &distance) || __builtin_add_overflow(to, distance, &to)) return false;
    } else {
      std::optional<uint64_t> given = encoded_pointer(code, cie.encoding, section_.data(), address_);
      if (!given) return false;
      to = *given;
    }
    if (code.failed() || to < *location || to > end) return false;
    if (to > *location) add(*location, state);
    *location = to;
  }
  return !code.failed();
}

void Reader::read_fde(const Dwarf_FDE& fde) {
  const Cie& cie = cie_at(fde.CIE_pointer);
  Cursor code(fde.start, fde.end);
  std::optional<uint64_t> begin = encoded_pointer(code, cie.encoding, section_.data(), address_);
  std::optional<uint64_t> size = encoded_pointer(code, cie.encoding & 0x0f, section_.data(), address_);
  uint64_t end = 0;
  // The linker leaves entries of code that it dropped, at address 0.
  if (!begin || !size || *begin == 0 || *size == 0 || __builtin_add_overflow(*begin, *size, &end)) return;
  if (cie.has_size) code.block(code.unsigned_leb());
  else code.block(cie.raw.fde_augmentation_data_size);
  State state = cie.initial;
  uint64_t location = *begin;
  const bool understood = cie.understood && !code.failed() && run(code, cie, state, &location, end);
  add(location, understood ? state : State{});
  if (location < end) add(end, State{});
}

Result<std::vector<CallFrameRow>> Reader::read() {
  data_.d_buf = const_cast<uint8_t*>(section_.data());
  data_.d_size = section_.size();
  data_.d_type = ELF_T_BYTE;
  data_.d_version = EV_CURRENT;
  Dwarf_Off offset = 0;
  while (offset < section_.size() && rows_.size() <= most_) {
    Dwarf_CFI_Entry entry;
    Dwarf_Off next = 0;
    const int got = dwarf_next_cfi(elf_ident, &data_, true, offset, &next, &entry);
    if (got > 0 || next <= offset || next == static_cast<Dwarf_Off>(-1)) break;
    if (got == 0 && !dwarf_cfi_cie_p(&entry)) read_fde(entry.fde);
    offset = next;
  }
  if (rows_.size() > most_) return fail(E2BIG, "it has more than {} rows of unwinding data", most_);
  // The end of a function is often the start of the next: what is known of an address comes before what is not.
  std::ranges::sort(rows_, [](const CallFrameRow& a, const CallFrameRow& b) { return std::tuple(a.address, a.rule.cfa == 0, a.rule) < std::tuple(b.address, b.rule.cfa == 0, b.rule); });
  auto [same_address, end] = std::ranges::unique(rows_, {}, &CallFrameRow::address);
  rows_.erase(same_address, end);
  auto [same_rule, rest] = std::ranges::unique(rows_, {}, &CallFrameRow::rule);
  rows_.erase(same_rule, rest);
  return std::move(rows_);
}

}  // namespace

Result<std::vector<CallFrameRow>> read_call_frames(std::span<const uint8_t> section, uint64_t address, size_t most) {
  return Reader(section, address, most).read();
}

Result<std::vector<CallFrameRow>> read_call_frames(Elf* elf, size_t most) {
  GElf_Ehdr header;
  if (!gelf_getehdr(elf, &header) || header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != EM_X86_64) return fail(0, "it is no program or library for x86-64");
  size_t names = 0;
  if (elf_getshdrstrndx(elf, &names) != 0) return std::vector<CallFrameRow>();
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf, section));) {
    GElf_Shdr shape;
    const char* name = gelf_getshdr(section, &shape) ? elf_strptr(elf, names, shape.sh_name) : nullptr;
    if (!name || std::string_view(name) != ".eh_frame" || shape.sh_type == SHT_NOBITS) continue;
    const Elf_Data* data = elf_rawdata(section, nullptr);
    if (!data || !data->d_buf || data->d_size == 0) continue;
    if (data->d_size > most_section_bytes) return fail(E2BIG, "its .eh_frame is larger than {} MiB", most_section_bytes >> 20);
    return read_call_frames({static_cast<const uint8_t*>(data->d_buf), data->d_size}, shape.sh_addr, most);
  }
  return std::vector<CallFrameRow>();
}

}  // namespace awl
