#include "runtime/format/json.h"

#include <fmt/format.h>

#include <iterator>

namespace awl {
namespace {

// Length of the UTF-8 sequence at the start of `text` (2 to 4), or 0 when it is not one (overlong and surrogates included).
size_t utf8_length(std::string_view text) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  auto continues = [&](size_t count) {
    if (text.size() <= count) return false;
    for (size_t i = 1; i <= count; ++i)
      if ((byte(i) & 0xc0) != 0x80) return false;
    return true;
  };
  unsigned char first = byte(0);
  if (first >= 0xc2 && first <= 0xdf) return continues(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    if (!continues(2) || (first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) > 0x9f)) return 0;
    return 3;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    if (!continues(3) || (first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) > 0x8f)) return 0;
    return 4;
  }
  return 0;
}

bool double_holds(uint64_t value, bool is_signed) {
  if (is_signed) {
    double d = static_cast<double>(static_cast<int64_t>(value));
    return d < 9223372036854775808.0 && static_cast<int64_t>(d) == static_cast<int64_t>(value);
  }
  double d = static_cast<double>(value);
  return d < 18446744073709551616.0 && static_cast<uint64_t>(d) == value;
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (size_t i = 0; i < text.size();) {
    unsigned char c = static_cast<unsigned char>(text[i]);
    if (c >= 0x80) {
      size_t length = utf8_length(text.substr(i));
      out += length ? text.substr(i, length) : std::string_view("\xef\xbf\xbd");
      i += length ? length : 1;
      continue;
    }
    if (c == '"' || c == '\\') {
      out += '\\';
      out += text[i];
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c < 0x20) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", c);
    } else {
      out += text[i];
    }
    ++i;
  }
  out += '"';
}

void append_json_integer(std::string& out, uint64_t value, bool is_signed) {
  bool exact = double_holds(value, is_signed);
  if (!exact) out += '"';
  if (is_signed)
    fmt::format_to(std::back_inserter(out), "{}", static_cast<int64_t>(value));
  else
    fmt::format_to(std::back_inserter(out), "{}", value);
  if (!exact) out += '"';
}

}  // namespace awl
