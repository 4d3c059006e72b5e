// What is asked of text: lengths, searching, comparing, joining, and the names of numbers.
#include <signal.h>
#include <string.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/diag/builtins.h"
#include "base/diag/imports.h"
#include "builtins/rows.h"
#include "builtins/system_calls.h"

namespace awl {
namespace {

constexpr uint32_t align_up8(uint32_t size) { return (size + 7) / 8 * 8; }

bool is_bytes(Type t) { return t && t->kind == Kind::array && is_integer(t->element) && t->element->size == 1; }
bool is_byte_pointer(Type t) { return is_pointer(t) && (!t->element || t->element->size <= 1); }
bool is_text(Type t) { return is_string(t) || is_bytes(t) || is_byte_pointer(t); }

void check_text(CallCheck& c) {
  for (size_t i = 0; i < std::min<size_t>(c.count(), 2); ++i)
    if (c.type(i) && !is_text(c.type(i)))
      c.diagnostics().report<Diag::not_text>(c.arg(i).span, TypeTable::text(c.type(i))).hint("read text behind an address with str(), print a number with printf()");
}

// The bytes that an argument can have, its NUL included.
uint32_t capacity(CallLower& c, size_t i) {
  Type t = c.type(i);
  return is_pointer(t) ? static_cast<uint32_t>(c.config().max_strlen) : std::max(t->size, 1u);
}

// Copies a text up to its NUL to `to`, which has `size` bytes; gives its length (0 where memory cannot be read). The kernel's helper finds the NUL
// faster than a loop of the program, and needs no proof of its end.
Value read_text(Emit& e, CallLower& c, size_t i, Value to, uint32_t size) {
  Type t = c.type(i);
  Value from = is_pointer(t) ? c.value64(i) : e.resize(c.address(i), 64, false);
  bool user = is_pointer(t) && space_of(c, t) == AddressSpace::user;
  e.store(to, e.imm(0, 8));
  Value taken = c.check_read(e.helper(user ? BPF_FUNC_probe_read_user_str : BPF_FUNC_probe_read_kernel_str, {to, e.imm(size, 32), from}), user);
  Value length = e.opaque(e.binary(Op::sub, taken, e.imm(1)));
  return e.select(e.compare(Compare::ult, length, e.imm(size)), length, e.imm(0));
}

Value lower_strlen(Emit& e, CallLower& c) {
  if (auto text = literal_string(c.arg(0))) return e.imm(strlen(text->c_str()));
  uint32_t size = capacity(c, 0);
  return read_text(e, c, 0, e.scratch(align_up8(size)), size);
}

Value lower_strcap(Emit& e, CallLower& c) {
  if (is_pointer(c.type(0))) return lower_strlen(e, c);
  return e.imm(c.type(0)->size);
}

// Numbers in memory that the verifier does not follow. What it knows of a number differs on each way out of a loop, and it would follow each of them
// for the rest of the program; numbers read from here are all the same to it.
class Hidden {
 public:
  Hidden(Emit& e, uint32_t count) : e_(&e), memory_(e.scratch(8 * count)) {}
  Value get(uint32_t i) { return e_->load(e_->opaque(memory_), 64, 8 * i); }
  void set(uint32_t i, Value v) { e_->store(e_->opaque(memory_), v, 8 * i); }

 private:
  Emit* e_;
  Value memory_;
};

// The rolling hash of Rabin and Karp: one pass over the text, whatever is looked for; so the verifier has a loop of a few thousand steps to follow and not the
// product of both lengths. Where the hashes meet the bytes are compared.
Value lower_strstr(Emit& e, CallLower& c) {
  constexpr uint64_t base = 0x9e3779b97f4a7c15;  // odd, bits well mixed
  enum : uint32_t { hay_length, length, wanted, power, hash, found, numbers };
  uint32_t hay_size = capacity(c, 0), needle_size = capacity(c, 1);
  Value hay = e.scratch(align_up8(hay_size)), needle = e.scratch(align_up8(needle_size));
  Hidden n(e, numbers);
  n.set(hay_length, read_text(e, c, 0, hay, hay_size));
  n.set(length, read_text(e, c, 1, needle, needle_size));
  n.set(wanted, e.imm(0));
  n.set(power, e.imm(1));
  n.set(hash, e.imm(0));
  n.set(found, e.imm(~uint64_t{0}));
  auto byte = [&](Value text, Value index) { return e.resize(e.load(e.offset(text, index), 8), 64, false); };
  auto leave_at = [&](Value i, uint32_t end) { e.branch(e.compare(Compare::uge, i, n.get(end)), [&] { e.leave_loop(); }); };
  auto next = [&](uint32_t which, Value value) { n.set(which, e.binary(Op::add, e.binary(Op::mul, n.get(which), e.imm(base)), value)); };
  e.loop(e.imm(0), e.imm(needle_size), needle_size, [&](Value i) {
    leave_at(i, length);
    next(wanted, byte(needle, i));
    n.set(power, e.binary(Op::mul, n.get(power), e.imm(base)));
  });
  e.branch(e.compare(Compare::eq, n.get(length), e.imm(0)), [&] { n.set(found, e.imm(0)); });
  e.loop(e.imm(0), e.imm(hay_size), hay_size, [&](Value i) {
    leave_at(i, hay_length);
    next(hash, byte(hay, i));
    Value before = e.opaque(e.binary(Op::sub, i, n.get(length)));  // the byte that has left the window
    e.branch(e.compare(Compare::ult, before, e.imm(hay_size)), [&] { n.set(hash, e.binary(Op::sub, n.get(hash), e.binary(Op::mul, byte(hay, before), n.get(power)))); });
    Value start = e.opaque(e.binary(Op::sub, e.binary(Op::add, i, e.imm(1)), n.get(length)));
    Value differs = e.binary(Op::bit_or, e.binary(Op::bit_xor, n.get(hash), n.get(wanted)), e.binary(Op::lshr, start, e.imm(63)));
    e.branch(e.compare(Compare::eq, e.opaque(differs), e.imm(0)), [&] {
      e.branch(e.compare(Compare::eq, n.get(found), e.imm(~uint64_t{0})), [&] { n.set(found, start); });
      e.leave_loop();
    });
  });
  e.loop(e.imm(0), e.imm(needle_size), needle_size, [&](Value i) {
    leave_at(i, length);
    Value at = e.opaque(e.binary(Op::add, n.get(found), i));
    e.branch(e.compare(Compare::uge, at, e.imm(hay_size)), [&] { e.leave_loop(); });
    e.branch(e.compare(Compare::ne, byte(hay, at), byte(needle, i)), [&] {
      n.set(found, e.imm(~uint64_t{0}));
      e.leave_loop();
    });
  });
  return n.get(found);
}

constexpr uint64_t longest_comparison = 4096;

void check_memcmp(CallCheck& c) {
  auto length = c.integer(2);
  if (length && *length < 0) c.diagnostics().report<Diag::negative_length>(c.arg(2).span, "memcmp", *length);
}

// The bytes of an argument in memory of the program's own.
Value bytes_of(Emit& e, CallLower& c, size_t i, uint32_t size) {
  Type t = c.type(i);
  if (!is_pointer(t)) return c.address(i);
  Value copy = e.scratch(align_up8(size));
  c.probe_read(copy, size, c.value64(i), space_of(c, t));
  return copy;
}

Value lower_memcmp(Emit& e, CallLower& c) {
  uint64_t most = std::min<uint64_t>(longest_comparison, c.config().max_strlen);
  for (size_t i : {size_t{0}, size_t{1}})
    if (!is_pointer(c.type(i))) most = std::min<uint64_t>(most, c.type(i)->size);
  auto literal = literal_integer(c.arg(2));
  if (literal) most = std::min(most, static_cast<uint64_t>(*literal));
  Value length = literal ? e.imm(most) : c.value64(2);
  Value result = e.slot(8);
  e.store(result, e.imm(0));
  if (most == 0) return e.load(result, 32);
  Value a = bytes_of(e, c, 0, static_cast<uint32_t>(most)), b = bytes_of(e, c, 1, static_cast<uint32_t>(most));
  e.loop(e.imm(0), e.imm(most), most, [&](Value i) {
    if (!literal) e.branch(e.compare(Compare::uge, i, length), [&] { e.leave_loop(); });
    Value x = e.load(e.offset(a, i), 8), y = e.load(e.offset(b, i), 8);
    e.branch(e.compare(Compare::ne, x, y), [&] {
      e.store(result, e.select(e.compare(Compare::ult, x, y), e.imm(~uint64_t{0}), e.imm(1)));
      e.leave_loop();
    });
  });
  return e.load(result, 32);
}

Type concat_type(CallCheck& c) {
  uint64_t most = c.config().max_strlen, sum = 0;
  for (size_t i = 0; i < c.count(); ++i) {
    if (!c.type(i)) return nullptr;
    sum += is_pointer(c.type(i)) ? most : std::max(c.type(i)->size, 1u) - (is_string(c.type(i)) ? 1 : 0);
  }
  return c.types().string(static_cast<uint32_t>(std::clamp<uint64_t>(sum + 1, 1, most)));
}

void lower_concat(Emit& e, CallLower& c) {
  uint32_t size = c.type()->size, first = std::min(capacity(c, 0), size), second = std::min(capacity(c, 1), size);
  Value both = e.scratch(align_up8(first + second));
  if (c.padded()) e.zero(both, align_up8(first + second));
  Value length = read_text(e, c, 0, both, first);
  read_text(e, c, 1, e.offset(both, length), second);
  e.copy(c.destination(), both, size);
  e.store(c.destination(), e.imm(0, 8), size - 1);
}

// ---- names of numbers: tables of texts with a fixed size, the last of which is for numbers outside ----

constexpr uint32_t name_size = 64;

using Names = std::vector<std::string>;

const Names& error_names() {
  static const Names names = [] {
    Names out;
    for (int i = 0; i < 134; ++i) {
      std::string text = strerrorname_np(i) || i == 0 ? strerrordesc_np(i) : "Unknown error";
      out.push_back(std::move(text));
    }
    out.emplace_back("Unknown error");
    return out;
  }();
  return names;
}

const Names& signal_names() {
  static const Names names = [] {
    Names out;
    for (int i = 0; i <= 64; ++i) {
      const char* text = sigdescr_np(i);
      if (text && i > 0) out.emplace_back(text);
      else if (i >= 34) out.push_back(fmt::format("Real-time signal {}", i - 34));
      else out.push_back(fmt::format("Unknown signal {}", i));
    }
    out.emplace_back("N/A");
    return out;
  }();
  return names;
}

const Names& system_call_names() {
  static const Names names = [] {
    Names out;
    for (const SystemCall& call : system_calls) {
      if (call.number >= out.size()) out.resize(call.number + 1, "Unknown syscall");
      out[call.number] = call.name;
    }
    out.emplace_back("Unknown syscall");
    return out;
  }();
  return names;
}

void lower_name(Emit& e, CallLower& c, const Names& names, bool negative_too) {
  std::string table;
  for (const std::string& name : names) {
    std::string entry = name.substr(0, name_size - 1);
    entry.resize(name_size);
    table += entry;
  }
  Value number = c.value64(0);
  if (negative_too) number = e.select(e.compare(Compare::slt, number, e.imm(0)), e.binary(Op::sub, e.imm(0), number), number);
  Value index = e.opaque(number), last = e.imm(names.size() - 1);
  index = e.opaque(e.select(e.compare(Compare::ult, index, last), index, last));
  e.branch(e.compare(Compare::ule, index, last), [&] { e.copy(c.destination(), e.offset(e.bytes(table), e.binary(Op::mul, index, e.imm(name_size))), name_size); });
}

Type name_type(CallCheck& c) { return c.types().string(name_size); }

const Builtin rows[] = {
    {.name = "strlen",
     .signature = "strlen(any text) -> uint64",
     .doc = "The number of bytes in a string, an array of bytes, or memory at an int8 pointer, up to the first NUL; at most max_strlen.",
     .example = "begin { print(strlen(\"abc\")) }",
     .prints = "3",
     .check = check_text,
     .lower = lower_strlen},
    {.name = "strcap",
     .signature = "strcap(any text) -> int64",
     .doc = "The number of bytes that a string or array can hold; of a pointer, the length of the text there.",
     .example = "begin { print(strcap(comm)) }",
     .prints = "16",
     .check = check_text,
     .lower = lower_strcap},
    {.name = "strstr",
     .signature = "strstr(any text, any part) -> int64",
     .doc = "Where a string first stands in another, counted from 0; -1 if it does not.",
     .example = "begin { print(strstr(\"haystack\", \"st\")) }",
     .prints = "3",
     .check = check_text,
     .lower = lower_strstr},
    {.name = "memcmp",
     .signature = "memcmp(any a, any b, int length) -> int32",
     .doc = "Compares bytes: 0 if the first `length` are equal (at most the smaller size of the two), else -1 or 1 by the first that differ.",
     .example = "begin { print(memcmp(\"abc\", \"abd\", 3)) }",
     .prints = "-1",
     .check = [](CallCheck& c) { check_text(c), check_memcmp(c); },
     .lower = lower_memcmp},
    {.name = "str_concat",
     .signature = "str_concat(any first, any second) -> string",
     .doc = "Two strings put together, cut at max_strlen.",
     .example = "begin { print(str_concat(\"a \", \"whole\")) }",
     .prints = "a whole",
     .infer = concat_type,
     .check = check_text,
     .lower_into = lower_concat},
    {.name = "strerror",
     .signature = "strerror(int error) -> string",
     .doc = "What an error number means, negative or not.",
     .example = "begin { print(strerror(2)) }",
     .prints = "No such file or directory",
     .infer = name_type,
     .lower_into = [](Emit& e, CallLower& c) { lower_name(e, c, error_names(), true); }},
    {.name = "signal_name",
     .signature = "signal_name(int signal) -> string",
     .doc = "What a signal number means.",
     .example = "begin { print(signal_name(9)) }",
     .prints = "Killed",
     .infer = name_type,
     .lower_into = [](Emit& e, CallLower& c) { lower_name(e, c, signal_names(), false); }},
    {.name = "syscall_name",
     .signature = "syscall_name(int number) -> string",
     .doc = "The name of a system call's number.",
     .example = "begin { print(syscall_name(0)) }",
     .prints = "read",
     .infer = name_type,
     .lower_into = [](Emit& e, CallLower& c) { lower_name(e, c, system_call_names(), false); }},
    {.name = "assert_str",
     .signature = "assert_str(any value)",
     .doc = "Ends compilation unless the value is a string, an array of bytes or a pointer to bytes.",
     .example = "begin { assert_str(comm) }",
     .flags = BuiltinFlag::no_value,
     .check = check_text,
     .lower = [](Emit&, CallLower&) { return Value{}; }},
};

}  // namespace

std::span<const Builtin> text_rows() { return rows; }

}  // namespace awl
