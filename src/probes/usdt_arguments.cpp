#include "probes/usdt_arguments.h"

#include <fmt/format.h>

#include <cctype>
#include <charconv>
#include <optional>

namespace awl {
namespace {

using artifact::PlaceArgument;
using artifact::PlaceKind;

struct Register {
  uint8_t word = 0;  // index in struct pt_regs of x86-64
  uint8_t skip = 0;  // bits below its own: %ah
  bool instruction_pointer = false;
};

// rax, eax, ax, al, ah; r8, r8d, r8w, r8b; rsi, esi, si, sil; rip.
std::optional<Register> find_register(std::string_view name) {
  struct Row {
    std::string_view stem;
    uint8_t word;
  };
  constexpr Row lettered[] = {{"a", 10}, {"b", 5}, {"c", 11}, {"d", 12}};
  constexpr Row plain[] = {{"si", 13}, {"di", 14}, {"bp", 4}, {"sp", 19}};
  constexpr uint8_t numbered[] = {9, 8, 7, 6, 3, 2, 1, 0};  // r8 to r15
  if (name == "rip" || name == "eip") return Register{16, 0, true};
  for (const Row& row : lettered) {
    const std::string stem(row.stem);
    if (name == "r" + stem + "x" || name == "e" + stem + "x" || name == stem + "x" || name == stem + "l") return Register{row.word};
    if (name == stem + "h") return Register{row.word, 8};
  }
  for (const Row& row : plain) {
    const std::string stem(row.stem);
    if (name == "r" + stem || name == "e" + stem || name == stem || name == stem + "l") return Register{row.word};
  }
  if (!name.starts_with('r')) return std::nullopt;
  name.remove_prefix(1);
  if (name.ends_with('d') || name.ends_with('w') || name.ends_with('b')) name.remove_suffix(1);
  unsigned number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size() || number < 8 || number > 15) return std::nullopt;
  return Register{numbered[number - 8]};
}

// A number in decimal or with 0x, with its sign; cut off the front.
std::optional<int64_t> take_number(std::string_view& text) {
  std::string_view rest = text;
  bool negative = false;
  while (!rest.empty() && (rest[0] == '-' || rest[0] == '+')) {
    negative ^= rest[0] == '-';
    rest.remove_prefix(1);
  }
  const bool hexadecimal = rest.starts_with("0x");
  if (hexadecimal) rest.remove_prefix(2);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value, hexadecimal ? 16 : 10);
  if (error != std::errc()) return std::nullopt;
  text = std::string_view(end, static_cast<size_t>(text.data() + text.size() - end));
  return static_cast<int64_t>(negative ? 0 - value : value);
}

// Sums of numbers and at most one symbol: "-8", "table+8", "8+table", "table".
bool take_displacement(std::string_view text, UsdtArgument& out) {
  while (!text.empty()) {
    if (const auto number = take_number(text)) {
      out.place.value += static_cast<uint64_t>(*number);
      continue;
    }
    if (text[0] == '+') text.remove_prefix(1);
    size_t size = 0;
    while (size < text.size() && (std::isalnum(static_cast<unsigned char>(text[size])) || text[size] == '_' || text[size] == '.' || text[size] == '$')) ++size;
    if (size == 0 || !out.symbol.empty()) return false;
    out.symbol = text.substr(0, size);
    text.remove_prefix(size);
    if (text.starts_with('@')) return false;  // through a table of the linker
  }
  return true;
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// "(%base,%index,scale)" without its brackets.
bool take_registers(std::string_view text, UsdtArgument& out) {
  std::string_view parts[3];
  size_t count = 0;
  for (size_t at = 0; at <= text.size();) {
    const size_t comma = std::min(text.find(',', at), text.size());
    if (count == 3) return false;
    parts[count++] = trimmed(text.substr(at, comma - at));
    at = comma + 1;
  }
  PlaceArgument& place = out.place;
  if (!parts[0].empty()) {
    const auto base = parts[0].starts_with('%') ? find_register(parts[0].substr(1)) : std::nullopt;
    if (!base || base->skip) return false;
    // %rip is where the next instruction begins, which only names make sense with: their distance is taken from the probe point.
    if (base->instruction_pointer && out.symbol.empty()) return false;
    out.from_ip = base->instruction_pointer;
    place.has_base = 1;
    place.base = base->word;
  }
  if (count == 1) return place.has_base;
  if (parts[1].empty()) return count == 2;
  const auto index = parts[1].starts_with('%') ? find_register(parts[1].substr(1)) : std::nullopt;
  if (!index || index->skip || index->instruction_pointer) return false;
  place.index = index->word;
  place.scale = 1;
  if (count < 3) return true;
  const auto scale = take_number(parts[2]);
  if (!scale || !parts[2].empty() || (*scale != 1 && *scale != 2 && *scale != 4 && *scale != 8)) return false;
  place.scale = static_cast<uint8_t>(*scale);
  return true;
}

// What stands behind `@`. An error is a phrase.
std::string take_operand(std::string_view text, UsdtArgument& out) {
  const std::string not_understood = fmt::format("is at a place that is not understood ({})", text);
  if (text.empty() || text == "$") return not_understood;
  if (text.starts_with('$')) {
    out.place.kind = PlaceKind::constant;
    text.remove_prefix(1);
    return take_displacement(text, out) ? "" : not_understood;
  }
  if (text.starts_with('%')) {
    if (text.find(':') != std::string_view::npos) return fmt::format("is in another segment ({})", text);
    const auto found = find_register(text.substr(1));
    if (!found) return text.starts_with("%xmm") || text.starts_with("%ymm") || text.starts_with("%st") ? fmt::format("is in the vector register {}", text) : not_understood;
    out.place.kind = PlaceKind::in_register;
    out.place.base = found->word;
    out.place.skip = found->skip;
    return "";
  }
  out.place.kind = PlaceKind::in_memory;
  const size_t open = text.find('(');
  if (!take_displacement(trimmed(text.substr(0, open)), out)) return not_understood;
  if (open == std::string_view::npos) return "";
  if (!text.ends_with(')') || !take_registers(text.substr(open + 1, text.size() - open - 2), out)) return not_understood;
  return "";
}

UsdtArgument parse_one(std::string_view text) {
  UsdtArgument out;
  const size_t at = text.find('@');
  std::string_view operand = text;
  if (at != std::string_view::npos) {
    std::string_view size = text.substr(0, at);
    operand = text.substr(at + 1);
    const auto bytes = take_number(size);
    const bool plain = size.empty() || size == "f";  // floating-point values are given as their bits
    if (!bytes || !plain || (*bytes != 1 && *bytes != 2 && *bytes != 4 && *bytes != 8 && *bytes != -1 && *bytes != -2 && *bytes != -4 && *bytes != -8)) {
      out.reason = fmt::format("has a size that is not understood ({})", text.substr(0, at));
      return out;
    }
    out.place.is_signed = *bytes < 0;
    out.place.size = static_cast<uint8_t>(*bytes < 0 ? -*bytes : *bytes);
  }
  const uint8_t size = out.place.size, is_signed = out.place.is_signed;
  out.reason = take_operand(operand, out);
  if (!out.reason.empty()) {
    out.place = {.size = size, .is_signed = is_signed};
    out.symbol.clear();
    out.from_ip = false;
  }
  return out;
}

}  // namespace

std::vector<UsdtArgument> parse_usdt_arguments(std::string_view text) {
  std::vector<UsdtArgument> arguments;
  while (arguments.size() < artifact::place_arguments) {
    text = trimmed(text);
    if (text.empty()) break;
    size_t end = 0;
    for (int depth = 0; end < text.size() && (text[end] != ' ' || depth > 0); ++end) depth += text[end] == '(' ? 1 : text[end] == ')' ? -1 : 0;
    arguments.push_back(parse_one(text.substr(0, end)));
    text.remove_prefix(end);
  }
  return arguments;
}

}  // namespace awl
