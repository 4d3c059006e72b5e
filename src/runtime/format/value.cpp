#include "runtime/format/value.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <iterator>

#include "runtime/format/json.h"
#include "runtime/format/stack.h"

namespace awl {
namespace {

using artifact::Element;
using artifact::Kind;
using artifact::Type;

ValueBytes sub(ValueBytes bytes, size_t offset, size_t size) {
  if (offset >= bytes.size()) return {};
  return bytes.subspan(offset, std::min(size, bytes.size() - offset));
}

template <typename... Args>
void put(std::string& out, fmt::format_string<Args...> format, Args&&... args) {
  fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
}

// How nested values are written: the three notations of one recursion.
enum class Notation { text, json, json_key };

void append_value(std::string& out, const Type& type, ValueBytes bytes, RenderContext& context, Notation notation);

void append_integer(std::string& out, uint64_t value, bool is_signed, Notation notation) {
  if (notation == Notation::json)
    append_json_integer(out, value, is_signed);
  else if (is_signed)
    put(out, "{}", static_cast<int64_t>(value));
  else
    put(out, "{}", value);
}

void append_inet(std::string& text, ValueBytes bytes) {
  uint64_t family = load_integer(bytes, 4, false);
  uint8_t address[16] = {};
  ValueBytes from = sub(bytes, 4, 16);
  std::copy(from.begin(), from.end(), address);
  char buffer[INET6_ADDRSTRLEN] = "";
  if (inet_ntop(static_cast<int>(family), address, buffer, sizeof buffer)) text += buffer;
}

// "10.0.0.0/8", "fd00::/16"
void append_cidr(std::string& text, ValueBytes bytes) {
  constexpr uint64_t mapped_bits = 96;  // ::ffff:0:0
  constexpr uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  uint64_t bits = load_integer(bytes, 4, false);
  uint8_t address[16] = {};
  ValueBytes from = sub(bytes, 4, 16);
  std::copy(from.begin(), from.end(), address);
  bool four = bits >= mapped_bits && std::equal(std::begin(mapped), std::end(mapped), address);
  char buffer[INET6_ADDRSTRLEN] = "";
  if (inet_ntop(four ? AF_INET : AF_INET6, address + (four ? 12 : 0), buffer, sizeof buffer)) put(text, "{}/{}", buffer, four ? bits - mapped_bits : bits);
}

void append_macaddr(std::string& text, ValueBytes bytes) {
  for (size_t i = 0; i < 6; ++i) put(text, "{}{:02X}", i ? ":" : "", i < bytes.size() ? bytes[i] : 0);
}

// A symbol by name alone, or the number as C's %#x writes it.
void append_symbol(std::string& text, const std::optional<SymbolName>& symbol, uint64_t address) {
  if (symbol && !symbol->name.empty())
    text += symbol->name;
  else if (address == 0)
    text += '0';
  else
    put(text, "{:#x}", address);
}

// The kinds that are shown as a text in all notations. False: not one of them.
bool append_named(std::string& text, const Type& type, ValueBytes bytes, RenderContext& context, Notation notation) {
  uint64_t first = load_integer(bytes, 8, false);
  switch (type.kind) {
    case Kind::string: {
      std::string_view content = string_content(sub(bytes, 0, type.size));
      bool cut = type.truncatable && type.size > 1 && content.size() + 1 >= type.size;
      text += content.substr(0, cut ? type.size - 1 : content.size());
      if (cut) {
        text += context.trailer;
        ++context.cut;
      }
      return true;
    }
    case Kind::kstack:
    case Kind::ustack: append_stack(text, type, bytes, context.names, notation != Notation::json_key); return true;
    case Kind::ksym: append_symbol(text, context.names.kernel_symbol(first), first); return true;
    case Kind::usym:
      append_symbol(text, context.names.user_symbol(first, static_cast<uint32_t>(load_integer(sub(bytes, 8, 4), 4, false))), first);
      return true;
    case Kind::inet: append_inet(text, bytes); return true;
    case Kind::macaddr: append_macaddr(text, bytes); return true;
    case Kind::cidr: append_cidr(text, bytes); return true;
    case Kind::timestamp:
      text += context.names.timestamp(first, context.names.string(load_integer(sub(bytes, 8, 4), 4, false)),
                                      static_cast<uint32_t>(load_integer(sub(bytes, 12, 4), 4, false)));
      return true;
    case Kind::username: text += context.names.user_name(first); return true;
    case Kind::cgroup_path:
      text += context.names.cgroup_path(first, context.names.string(load_integer(sub(bytes, 8, 8), 8, false)));
      return true;
    case Kind::probe: text += context.names.probe(first); return true;
    default: return false;
  }
}

void append_elements(std::string& out, const Type& type, ValueBytes bytes, RenderContext& context, Notation notation) {
  bool named = type.kind != Kind::tuple, json = notation == Notation::json, key = notation == Notation::json_key;
  out += named ? (json || key ? "{" : "{ ") : (json ? "[" : "(");
  bool first = true;
  for (const Element& element : type.elements) {
    if (!first) out += named && json ? ", " : json || key ? "," : ", ";
    first = false;
    if (named && json) {
      append_json_string(out, element.name);
      out += ": ";
    } else if (named) {
      put(out, key ? fmt::runtime(".{}=") : fmt::runtime(".{} = "), element.name);
    }
    uint8_t storage[8];
    append_value(out, element.type.at(0), element_bytes(element, bytes, storage), context, notation);
  }
  out += named ? (json || key ? "}" : " }") : (json ? "]" : ")");
}

void append_array(std::string& out, const Type& type, ValueBytes bytes, RenderContext& context, Notation notation) {
  const Type& element = type.elements.at(0).type.at(0);
  out += '[';
  for (uint32_t i = 0; i < type.count; ++i) {
    if (i) out += ',';
    append_value(out, element, sub(bytes, size_t(i) * element.size, element.size), context, notation);
  }
  out += ']';
}

void append_buffer(std::string& out, ValueBytes bytes, Notation notation) {
  ValueBytes content = buffer_content(bytes);
  if (notation != Notation::json) return append_escaped(out, content, false);
  out += '[';
  for (size_t i = 0; i < content.size(); ++i) put(out, "{}{}", i ? "," : "", static_cast<int>(static_cast<int8_t>(content[i])));
  out += ']';
}

void append_enumeration(std::string& out, const Type& type, ValueBytes bytes, Notation notation) {
  uint64_t value = load_integer(bytes, type.size, type.is_signed);
  uint64_t mask = type.size >= 8 ? ~0ull : (1ull << (8 * type.size)) - 1;
  if (notation != Notation::json)
    for (const artifact::Enumerator& e : type.enumerators)
      if ((e.value & mask) == (value & mask)) {
        out += e.name;
        return;
      }
  append_integer(out, value, type.is_signed, notation);
}

// Merged aggregations: see maps.h for their layout.
void append_aggregation(std::string& out, const Type& type, ValueBytes bytes, Notation notation) {
  uint64_t value = load_integer(sub(bytes, 0, 8), 8, false), updates = load_integer(sub(bytes, 8, 8), 8, false);
  uint64_t average = 0;
  if (updates && type.is_signed)
    average = static_cast<uint64_t>(static_cast<int64_t>(value) / static_cast<int64_t>(updates));
  else if (updates)
    average = value / updates;
  if (type.kind == Kind::avg) return append_integer(out, average, type.is_signed, notation);
  if (type.kind != Kind::stats) return append_integer(out, value, type.is_signed, notation);
  bool json = notation == Notation::json;
  out += json ? "{\"count\": " : "{ .count = ";
  append_integer(out, updates, false, notation);
  out += json ? ", \"average\": " : ", .average = ";
  append_integer(out, average, type.is_signed, notation);
  out += json ? ", \"total\": " : ", .total = ";
  append_integer(out, value, type.is_signed, notation);
  out += json ? "}" : " }";
}

void append_value(std::string& out, const Type& type, ValueBytes bytes, RenderContext& context, Notation notation) {
  switch (type.kind) {
    case Kind::boolean: out += load_integer(bytes, 1, false) ? "true" : "false"; return;
    case Kind::integer: append_integer(out, load_integer(bytes, type.size, type.is_signed), type.is_signed, notation); return;
    case Kind::pointer:
      if (notation == Notation::json)
        append_json_integer(out, load_integer(bytes, 8, false), false);
      else
        put(out, "{:#x}", load_integer(bytes, 8, false));
      return;
    case Kind::enumeration: append_enumeration(out, type, bytes, notation); return;
    case Kind::buffer: append_buffer(out, bytes, notation); return;
    case Kind::array: append_array(out, type, bytes, context, notation); return;
    case Kind::tuple:
    case Kind::record:
    case Kind::structure: append_elements(out, type, bytes, context, notation); return;
    case Kind::count:
    case Kind::sum:
    case Kind::min:
    case Kind::max:
    case Kind::avg:
    case Kind::stats: append_aggregation(out, type, bytes, notation); return;
    default: break;
  }
  if (notation != Notation::json) {
    append_named(out, type, bytes, context, notation);
    return;
  }
  std::string text;
  if (append_named(text, type, bytes, context, notation))
    append_json_string(out, text);
  else
    out += "null";
}

void append_keys(std::string& out, const Type& type, ValueBytes bytes, RenderContext& context, Notation notation) {
  if (type.kind != Kind::tuple) return append_value(out, type, bytes, context, notation);
  bool first = true;
  for (const Element& element : type.elements) {
    if (!first) out += notation == Notation::text ? ", " : ",";
    first = false;
    uint8_t storage[8];
    append_value(out, element.type.at(0), element_bytes(element, bytes, storage), context, notation);
  }
}

int compare_integers(uint64_t a, uint64_t b, bool is_signed) {
  if (a == b) return 0;
  bool less = is_signed ? static_cast<int64_t>(a) < static_cast<int64_t>(b) : a < b;
  return less ? -1 : 1;
}

int compare_bytes(ValueBytes a, ValueBytes b) {
  size_t common = std::min(a.size(), b.size());
  int order = common ? memcmp(a.data(), b.data(), common) : 0;
  if (order) return order;
  return a.size() < b.size() ? -1 : a.size() > b.size() ? 1 : 0;
}

}  // namespace

uint64_t load_integer(ValueBytes bytes, uint32_t size, bool is_signed) {
  size = std::min<uint32_t>(size, 8);
  uint64_t value = 0;
  if (size_t there = std::min<size_t>(size, bytes.size())) memcpy(&value, bytes.data(), there);
  if (is_signed && size > 0 && size < 8) {
    unsigned unused = 64 - 8 * size;
    value = static_cast<uint64_t>(static_cast<int64_t>(value << unused) >> unused);
  }
  return value;
}

ValueBytes element_bytes(const Element& element, ValueBytes bytes, std::span<uint8_t, 8> storage) {
  const Type& type = element.type.at(0);
  if (element.bit_size == 0) return sub(bytes, element.offset, type.size);
  uint64_t low = load_integer(sub(bytes, element.offset, 8), 8, false), high = load_integer(sub(bytes, element.offset + 8, 1), 1, false);
  unsigned shift = element.bit_offset % 64;
  uint64_t value = low >> shift | (shift ? high << (64 - shift) : 0);
  if (element.bit_size < 64) {
    value &= (1ull << element.bit_size) - 1;
    if (type.is_signed && value >> (element.bit_size - 1)) value |= ~0ull << element.bit_size;
  }
  memcpy(storage.data(), &value, 8);
  return storage;
}

std::string_view string_content(ValueBytes bytes) {
  if (bytes.empty()) return {};
  const char* text = reinterpret_cast<const char*>(bytes.data());
  return {text, strnlen(text, bytes.size())};
}

ValueBytes buffer_content(ValueBytes bytes) { return sub(bytes, 4, load_integer(sub(bytes, 0, 4), 4, false)); }

void append_escaped(std::string& out, ValueBytes bytes, bool all) {
  for (uint8_t byte : bytes) {
    if (!all && byte >= 0x20 && byte < 0x7f)
      out += static_cast<char>(byte);
    else
      put(out, "\\x{:02x}", byte);
  }
}

void append_text(std::string& out, const Type& type, ValueBytes bytes, RenderContext& context) {
  append_value(out, type, bytes, context, Notation::text);
}
void append_json(std::string& out, const Type& type, ValueBytes bytes, RenderContext& context) {
  append_value(out, type, bytes, context, Notation::json);
}
void append_key_text(std::string& out, const Type& type, ValueBytes bytes, RenderContext& context) {
  append_keys(out, type, bytes, context, Notation::text);
}
void append_key_json(std::string& out, const Type& type, ValueBytes bytes, RenderContext& context) {
  append_keys(out, type, bytes, context, Notation::json_key);
}

int compare_values(const Type& type, ValueBytes a, ValueBytes b) {
  switch (type.kind) {
    case Kind::boolean:
    case Kind::integer:
    case Kind::pointer:
    case Kind::enumeration:
    case Kind::ksym:
    case Kind::usym:
    case Kind::username:
    case Kind::probe: {
      uint32_t size = type.size ? type.size : 8;
      return compare_integers(load_integer(a, size, type.is_signed), load_integer(b, size, type.is_signed), type.is_signed);
    }
    case Kind::string: return string_content(a).compare(string_content(b));
    case Kind::buffer: return compare_bytes(buffer_content(a), buffer_content(b));
    case Kind::tuple:
    case Kind::record:
    case Kind::structure:
      for (const Element& element : type.elements) {
        uint8_t left[8], right[8];
        if (int order = compare_values(element.type.at(0), element_bytes(element, a, left), element_bytes(element, b, right))) return order;
      }
      return 0;
    case Kind::array: {
      const Type& element = type.elements.at(0).type.at(0);
      for (uint32_t i = 0; i < type.count; ++i)
        if (int order = compare_values(element, sub(a, size_t(i) * element.size, element.size), sub(b, size_t(i) * element.size, element.size)))
          return order;
      return 0;
    }
    default: return compare_bytes(a, b);
  }
}

}  // namespace awl
