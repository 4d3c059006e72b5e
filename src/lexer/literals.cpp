#include <algorithm>
#include <array>
#include <limits>

#include "base/diag/syntax.h"
#include "lexer/token.h"

namespace awl {
namespace {

constexpr uint64_t max_value = std::numeric_limits<uint64_t>::max();

struct Suffix {
  std::string_view text;
  uint64_t factor;  // durations are nanoseconds
};
constexpr Suffix durations[] = {
    {"ns", 1}, {"us", 1'000}, {"ms", 1'000'000}, {"s", 1'000'000'000}, {"m", 60'000'000'000}, {"h", 3'600'000'000'000}, {"d", 86'400'000'000'000},
};
constexpr std::string_view c_suffixes[] = {"u", "l", "ul", "ll", "ull", "U", "L", "UL", "LL", "ULL"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

int digit_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 99;
}

// An integer literal being read: its text and where mistakes are reported.
struct Reader {
  std::string_view text;
  Span span;
  Diagnostics& diagnostics;

  uint64_t fail(size_t from, size_t to, std::string message) {
    Span at{span.file, span.begin + static_cast<uint32_t>(from), span.begin + static_cast<uint32_t>(to)};
    diagnostics.report<Diag::syntax>(at, message);
    return 0;
  }
  uint64_t fail(std::string_view message) { return fail(0, text.size(), fmt::format("{}: {}", message, text)); }
  uint64_t overflow() { return fail(fmt::format("overflow error, maximum value is {}", max_value)); }

  uint64_t scientific(size_t e) {
    if (e != 1 || text[0] < '1' || text[0] > '9') return fail("coefficient part of scientific literal must be 1-9");
    uint64_t exponent = 0;
    for (char c : text.substr(e + 1)) {
      if (!is_digit(c)) return fail("invalid trailing bytes");
      exponent = std::min<uint64_t>(exponent * 10 + static_cast<uint64_t>(c - '0'), 1000);
    }
    if (exponent == 0) return fail("invalid trailing bytes");
    uint64_t value = static_cast<uint64_t>(text[0] - '0');
    for (; exponent > 0; --exponent)
      if (__builtin_mul_overflow(value, uint64_t{10}, &value)) return overflow();
    return value;
  }

  uint64_t read() {
    uint64_t base = 10;
    size_t at = 0;
    if (text.size() > 1 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) base = 16, at = 2;
    else if (text.size() > 1 && text[0] == '0' && (is_digit(text[1]) || text[1] == '_')) base = 8, at = 1;
    size_t digits_end = at;
    while (digits_end < text.size() && (text[digits_end] == '_' || (base == 16 ? digit_value(text[digits_end]) < 16 : is_digit(text[digits_end])))) ++digits_end;
    if (base == 16 && digits_end == at) return fail("invalid integer");
    if (base == 10 && digits_end + 1 < text.size() && (text[digits_end] == 'e' || text[digits_end] == 'E') && is_digit(text[digits_end + 1])) return scientific(digits_end);
    if (text[digits_end - 1] == '_') return fail(digits_end - 1, digits_end, "trailing underscore in integer literal");
    uint64_t value = 0;
    for (char c : text.substr(at, digits_end - at)) {
      if (c == '_') continue;
      uint64_t digit = static_cast<uint64_t>(digit_value(c));
      if (digit >= base) return fail("invalid trailing bytes");
      if (__builtin_mul_overflow(value, base, &value) || __builtin_add_overflow(value, digit, &value)) return overflow();
    }
    std::string_view suffix = text.substr(digits_end);
    if (suffix.empty() || std::ranges::find(c_suffixes, suffix) != std::end(c_suffixes)) return value;
    auto duration = std::ranges::find(durations, suffix, &Suffix::text);
    if (duration == std::end(durations) || base == 16) return fail(digits_end, text.size(), fmt::format("invalid integer suffix '{}'", suffix));
    if (__builtin_mul_overflow(value, duration->factor, &value)) return overflow();
    return value;
  }
};

}  // namespace

uint64_t parse_integer(std::string_view text, Span span, Diagnostics& diagnostics) { return Reader{text, span, diagnostics}.read(); }

std::string parse_string(std::string_view text, Span span, Diagnostics& diagnostics) {
  std::string out;
  auto fail = [&](size_t at, std::string message) {
    uint32_t begin = span.begin + static_cast<uint32_t>(at);
    diagnostics.report<Diag::syntax>(Span{span.file, begin, begin + 1}, message);
  };
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    char c = text[++i];
    if (c == 'n') out += '\n';
    else if (c == 't') out += '\t';
    else if (c == 'r') out += '\r';
    else if (c == '\\' || c == '"') out += c;
    else if (c >= '0' && c <= '7') {
      int value = 0;
      size_t last = std::min(i + 3, text.size());
      size_t begin = i;
      for (; i < last && text[i] >= '0' && text[i] <= '7'; ++i) value = value * 8 + (text[i] - '0');
      --i;
      if (value > 255) fail(begin, "octal escape sequence out of range, maximum is '\\377'");
      out += static_cast<char>(value);
    } else if (c == 'x') {
      int value = 0;
      size_t last = std::min(i + 3, text.size()), at = i + 1;
      for (; at < last && digit_value(text[at]) < 16; ++at) value = value * 16 + digit_value(text[at]);
      if (at == i + 1) fail(at, "invalid hex escape sequence");
      i = at - 1;
      out += static_cast<char>(value);
    } else {
      fail(i, fmt::format("invalid escape character '\\{}'", c));
    }
  }
  return out;
}

}  // namespace awl
