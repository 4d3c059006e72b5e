// Strings and bytes.
#include <algorithm>

#include "base/diag/builtins.h"
#include "builtins/rows.h"

namespace awl {
namespace {

// The length argument of str() and buf() where it is a literal within max_strlen.
std::optional<uint64_t> literal_length(CallCheck& c) {
  const auto length = c.count() > 1 ? c.integer(1) : std::nullopt;
  return length && *length >= 0 && static_cast<uint64_t>(*length) <= c.config().max_strlen ? std::optional(static_cast<uint64_t>(*length)) : std::nullopt;
}

Type str_type(CallCheck& c) {
  const auto length = literal_length(c);
  const uint64_t longest = c.config().max_strlen;
  if (auto text = c.string(0)) {
    uint64_t size = std::min<uint64_t>(text->size() + 1, c.count() > 1 ? length.value_or(longest) + 1 : UINT64_MAX);
    return c.types().string(static_cast<uint32_t>(size));
  }
  if (c.count() && is_string(c.type(0)) && c.count() < 2) return c.type(0);
  return length ? c.types().string(static_cast<uint32_t>(std::max<uint64_t>(*length, 1))) : c.types().whole_string(static_cast<uint32_t>(longest));
}

void check_length(CallCheck& c) {
  if (c.count() < 2) return;
  auto length = c.integer(1);
  if (!length) return;
  if (*length < 0) c.diagnostics().report<Diag::negative_length>(c.arg(1).span, c.call().name, *length);
  else if (static_cast<uint64_t>(*length) > c.config().max_strlen)
    c.diagnostics().report<Diag::length_shortened>(c.arg(1).span, *length, c.config().max_strlen);
}

// A run-time length, at most `limit`, in a form that the verifier keeps.
Value bounded(Emit& e, CallLower& c, size_t argument, uint64_t limit) {
  Value length = e.opaque(c.value64(argument));
  return e.select(e.compare(Compare::ult, length, e.imm(limit)), length, e.imm(limit));
}

std::string kind_name(CallCheck& c) { return std::string(c.target().provider ? c.target().provider->name : ""); }

void lower_str(Emit& e, CallLower& c) {
  Value to = c.destination();
  uint32_t capacity = c.type()->size;
  Type source = c.type(0);
  if (is_string(source)) {
    c.into(0, c.type(), to);
    return;
  }
  bool user = space_of(c, source) == AddressSpace::user;
  Value from = c.value64(0);
  Value length = e.imm(capacity);
  bool literal = c.count() < 2 || literal_integer(c.arg(1));
  if (!literal) length = bounded(e, c, 1, capacity);
  if (c.padded()) e.zero(to, capacity);
  else if (!literal || capacity == 1) e.store(to, e.imm(0, 8));
  c.check_read(e.helper(user ? BPF_FUNC_probe_read_user_str : BPF_FUNC_probe_read_kernel_str, {to, e.resize(length, 32, false), from}), user);
}

Type buf_type(CallCheck& c) {
  uint64_t most = c.config().max_strlen;
  Type t = c.count() ? c.type(0) : nullptr;
  if (c.count() > 1) return c.types().buffer(static_cast<uint32_t>(literal_length(c).value_or(most)));
  if (t && t->kind == Kind::array) return c.types().buffer(static_cast<uint32_t>(std::min<uint64_t>(most, t->size)));
  if (is_string(t)) return c.types().buffer(static_cast<uint32_t>(std::min<uint64_t>(most, t->size)));
  return c.types().buffer(static_cast<uint32_t>(most));
}

void lower_buf(Emit& e, CallLower& c) {
  Value to = c.destination();
  uint32_t capacity = c.type()->size - 4;
  Type source = c.type(0);
  bool memory = source->kind == Kind::array || is_string(source);
  bool literal = c.count() < 2 || literal_integer(c.arg(1));
  Value length = literal ? e.imm(capacity) : bounded(e, c, 1, capacity);
  if (memory) {
    Value from = c.address(0);
    if (c.padded()) e.zero(to, c.type()->size);
    e.store(to, e.resize(length, 32, false), 0);
    c.probe_read(e.offset(to, uint64_t{4}), std::min(capacity, source->size), e.resize(from, 64, false), AddressSpace::kernel);
    return;
  }
  Value from = c.value64(0);
  bool user = space_of(c, source) == AddressSpace::user;
  if (c.padded()) e.zero(to, c.type()->size);
  e.store(to, e.resize(length, 32, false), 0);
  c.check_read(e.helper(user ? BPF_FUNC_probe_read_user : BPF_FUNC_probe_read_kernel, {e.offset(to, uint64_t{4}), e.resize(length, 32, false), from}), user);
}

void check_buf(CallCheck& c) {
  Type t = c.type(0);
  if (c.count() < 2 && (is_pointer(t) || is_integer(t))) c.diagnostics().report<Diag::buf_length>(c.expr().span);
  check_length(c);
}

void lower_strncmp_loop(Emit& e, Value a, Value b, Value result, uint64_t length) {
  e.loop(e.imm(0), e.imm(length), length, [&](Value i) {
    Value x = e.load(e.offset(a, i), 8), y = e.load(e.offset(b, i), 8);
    e.branch(e.compare(Compare::ne, x, y), [&] {
      e.store(result, e.imm(1));
      e.leave_loop();
    });
    e.branch(e.compare(Compare::eq, x, e.imm(0, 8)), [&] { e.leave_loop(); });
  });
}

Value lower_strncmp(Emit& e, CallLower& c) {
  uint64_t length = static_cast<uint64_t>(literal_integer(c.arg(2)).value_or(0));
  Value a = c.address(0), b = c.address(1);
  length = std::min<uint64_t>({length, c.type(0)->size, c.type(1)->size});
  Value result = e.slot(8);
  e.store(result, e.imm(0));
  lower_strncmp_loop(e, a, b, result, length);
  return e.load(result, 64);
}

void check_strncmp(CallCheck& c) {
  if (auto length = c.integer(2); length && *length < 0) c.diagnostics().report<Diag::negative_length>(c.arg(2).span, "strncmp", *length);
}

// The functions that programs may ask for a path in: fentry, fexit and iter.
void check_path(CallCheck& c) {
  const Context& context = c.context();
  bool allowed = context.direct_loads && (context.function || context.positional.empty());
  if (!allowed) c.diagnostics().report<Diag::only_with_probes>(c.expr().span, "path", "'fentry', 'fexit', 'iter'", kind_name(c));
  Type t = c.type(0);
  Type structure = is_pointer(t) ? t->element : t;
  if (allowed && t && (!is_structure(structure) || structure->name != "path"))
    c.diagnostics().report<Diag::path_argument>(c.arg(0).span, TypeTable::text(t)).hint("a file's is args.file.f_path");
  if (c.count() > 1) check_length(c);
}

Type path_type(CallCheck& c) { return c.types().string(static_cast<uint32_t>(std::max<uint64_t>(literal_length(c).value_or(c.config().max_strlen), 1))); }

void lower_path(Emit& e, CallLower& c) {
  Value to = c.destination();
  uint32_t size = c.type()->size;
  if (c.padded()) e.zero(to, size);
  Value length = e.helper(BPF_FUNC_d_path, {c.place(0), to, e.imm(size, 32)});
  auto failed = [&] {
    e.store(to, e.imm(0, 8));
    c.warn(length);
  };
  e.branch(e.compare(Compare::slt, length, e.imm(0)), failed, {}, false);
}

const Builtin rows[] = {
    {.name = "str",
     .signature = "str(pointer|int|string address, int length = max) -> string",
     .doc = "The NUL-terminated string at an address, at most `length` bytes with its NUL (by default max_strlen bytes and a NUL); \"\" where memory cannot be read.",
     .example = "begin { print(str(\"abcdef\", 3)) }",
     .prints = "abc",
     .infer = str_type,
     .check = check_length,
     .lower_into = lower_str},
    {.name = "buf",
     .signature = "buf(any data, int length = all) -> buffer",
     .doc = "Raw bytes at an address, or of an array; `length` may be known at run time only and is cut at max_strlen.",
     .example = "begin { print(buf(\"abc\", 3)) }",
     .prints = "abc",
     .infer = buf_type,
     .check = check_buf,
     .lower_into = lower_buf},
    {.name = "strncmp",
     .signature = "strncmp(string a, string b, literal int length) -> uint64",
     .doc = "0 if the first `length` characters of two strings are equal, else 1.",
     .example = "begin { print(strncmp(\"awl\", \"awk\", 2)) }",
     .prints = "0",
     .check = check_strncmp,
     .lower = lower_strncmp},
    {.name = "path",
     .signature = "path(any path, literal int size = max) -> string",
     .doc = "The full name of a file, given its `struct path` (of an argument in fentry and fexit, or in iter); \"\" with a warning where `size` bytes are too few.",
     .example = "fentry:security_file_open { print(path(args.file.f_path)) }",
     .flags = BuiltinFlag::needs_probe,
     .infer = path_type,
     .check = check_path,
     .plan = [](CallCheck&, PlanCall& plan) { plan.warn("", "d_path"); },
     .lower_into = lower_path},
    {.name = "bswap",
     .signature = "bswap(int value) -> uint64",
     .doc = "The integer with its bytes in reverse order; the size stays.",
     .example = "begin { print(bswap((uint16)0x1234)) }",
     .prints = "13330",
     .infer = [](CallCheck& c) { return c.types().integer(c.count() && is_integer(c.type(0)) ? c.type(0)->size : 8, false); },
     .lower = [](Emit& e, CallLower& c) {
       Value v = c.value(0);
       return swap_bytes(e, v, e.width(v));
     }},
};

}  // namespace

std::span<const Builtin> string_rows() { return rows; }

}  // namespace awl
