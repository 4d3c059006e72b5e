// Strings, bytes and addresses.
#include <arpa/inet.h>
#include <sys/socket.h>

#include <algorithm>

#include "base/diag/builtins.h"
#include "builtins/rows.h"

namespace awl {
namespace {

// The bytes that str() and buf() may fill: the length argument where it is a literal, else max_strlen.
uint64_t limit_of(CallCheck& c) {
  uint64_t most = c.config().max_strlen;
  if (c.count() < 2) return most;
  auto length = c.integer(1);
  return length && *length >= 0 ? std::min(static_cast<uint64_t>(*length), most) : most;
}

Type str_type(CallCheck& c) {
  if (auto text = c.string(0)) {
    uint64_t length = std::min<uint64_t>(text->size() + 1, c.count() > 1 ? limit_of(c) + 1 : UINT64_MAX);
    return c.types().string(static_cast<uint32_t>(length));
  }
  if (c.count() && is_string(c.type(0)) && c.count() < 2) return c.type(0);
  uint64_t length = limit_of(c);
  return c.types().string(static_cast<uint32_t>(std::max<uint64_t>(length, 1)), c.count() < 2);
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
  e.helper(user ? BPF_FUNC_probe_read_user_str : BPF_FUNC_probe_read_kernel_str, {to, e.resize(length, 32, false), from});
}

Type buf_type(CallCheck& c) {
  uint64_t most = c.config().max_strlen;
  Type t = c.count() ? c.type(0) : nullptr;
  if (c.count() > 1) return c.types().buffer(static_cast<uint32_t>(limit_of(c)));
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
  e.helper(user ? BPF_FUNC_probe_read_user : BPF_FUNC_probe_read_kernel, {e.offset(to, uint64_t{4}), e.resize(length, 32, false), from});
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

// inet: u32 family, 16 bytes of address.
void lower_ntop(Emit& e, CallLower& c) {
  Value to = c.destination();
  size_t last = c.count() - 1;
  Type source = c.type(last);
  bool six = !is_integer(source) && source->size >= 16;
  e.zero(to, c.type()->size);
  Value family = c.count() > 1 ? e.resize(c.value64(0), 32, false) : e.imm(six ? AF_INET6 : AF_INET, 32);
  e.store(to, family, 0);
  if (is_integer(source)) {
    e.store(to, e.resize(c.value64(last), 32, false), 4);
    return;
  }
  Value address = c.address(last);
  e.copy(e.offset(to, uint64_t{4}), address, std::min<uint32_t>(source->size, 16));
}

void check_ntop(CallCheck& c) {
  Type t = c.type(c.count() - 1);
  bool bytes = t && (t->kind == Kind::array || is_string(t));
  if (bytes && t->size != 4 && t->size != 16) c.diagnostics().report<Diag::address_size>(c.arg(c.count() - 1).span, "ntop", "4 or 16", t->size);
}

void lower_macaddr(Emit& e, CallLower& c) {
  Type source = c.type(0);
  if (source->kind == Kind::array || is_string(source)) {
    e.copy(c.destination(), c.address(0), 6);
    return;
  }
  c.probe_read(c.destination(), 6, c.value64(0), space_of(c, source));
}

void check_macaddr(CallCheck& c) {
  Type t = c.type(0);
  if (t && (t->kind == Kind::array || is_string(t)) && t->size < 6) c.diagnostics().report<Diag::address_size>(c.arg(0).span, "macaddr", "6", t->size);
}

const Builtin rows[] = {
    {.name = "str",
     .signature = "str(pointer|int|string address, int length = max) -> string",
     .doc = "The NUL-terminated string at an address, at most `length` bytes with its NUL (max_strlen by default); \"\" where memory cannot be read.",
     .example = "tracepoint:syscalls:sys_enter_openat { print(str(args.filename)) }",
     .infer = str_type,
     .check = check_length,
     .lower_into = lower_str},
    {.name = "buf",
     .signature = "buf(any data, int length = all) -> buffer",
     .doc = "Raw bytes at an address, or of an array; `length` may be known at run time only and is cut at max_strlen.",
     .example = "begin { print(buf(\"abc\", 3)) }",
     .infer = buf_type,
     .check = check_buf,
     .lower_into = lower_buf},
    {.name = "strncmp",
     .signature = "strncmp(string a, string b, literal int length) -> uint64",
     .doc = "0 if the first `length` characters of two strings are equal, else 1.",
     .example = "begin { if (strncmp(comm, \"awl\", 3) == 0) { print(1) } }",
     .check = check_strncmp,
     .lower = lower_strncmp},
    {.name = "ntop",
     .signature = "ntop(any address) -> inet | ntop(int family, any address) -> inet",
     .doc = "An IPv4 address (integer in memory order, or 4 bytes) or IPv6 address (16 bytes) as text.",
     .example = "begin { print(ntop(0x0100007f)) }",
     .infer = [](CallCheck& c) { return c.types().simple(Kind::inet); },
     .check = check_ntop,
     .lower_into = lower_ntop},
    {.name = "macaddr",
     .signature = "macaddr(any address) -> macaddr",
     .doc = "Six bytes as the text of a hardware address.",
     .example = "begin { print(macaddr(\"abcdef\")) }",
     .infer = [](CallCheck& c) { return c.types().simple(Kind::macaddr); },
     .check = check_macaddr,
     .lower_into = lower_macaddr},
    {.name = "bswap",
     .signature = "bswap(int value) -> uint64",
     .doc = "The integer with its bytes in reverse order; the size stays.",
     .example = "begin { print(bswap((uint16)0x1234)) }",
     .infer = [](CallCheck& c) { return c.types().integer(c.count() && is_integer(c.type(0)) ? c.type(0)->size : 8, false); },
     .lower = [](Emit& e, CallLower& c) {
       Value v = c.value(0);
       return swap_bytes(e, v, e.width(v));
     }},
};

}  // namespace

std::span<const Builtin> string_rows() { return rows; }

}  // namespace awl
