#include "probes/tracefs_format.h"

#include <charconv>
#include <optional>

#include "base/lines.h"

namespace awl {
namespace {

std::string_view trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// The number behind "KEY:" in a line of "key:value;" items.
std::optional<uint32_t> item(std::string_view line, std::string_view key) {
  const size_t at = line.find(key);
  if (at == std::string_view::npos) return std::nullopt;
  uint32_t value = 0;
  const char* begin = line.data() + at + key.size();
  if (std::from_chars(begin, line.data() + line.size(), value).ec != std::errc()) return std::nullopt;
  return value;
}

// "const char * filename", "char comm[16]", "__data_loc char[] name", "unsigned long args[6]".
bool split_declaration(std::string_view declaration, FormatField& field) {
  std::string array;
  while (declaration.ends_with(']')) {
    const size_t bracket = declaration.rfind('[');
    if (bracket == std::string_view::npos) return false;
    array.insert(0, declaration.substr(bracket));
    declaration = trim(declaration.substr(0, bracket));
  }
  const size_t before_name = declaration.find_last_of(" \t*]");
  if (before_name == std::string_view::npos || before_name + 1 == declaration.size()) return false;
  field.name = declaration.substr(before_name + 1);
  std::string_view type = trim(declaration.substr(0, before_name + 1));
  for (const std::string_view word : {"__data_loc ", "__rel_loc "}) {
    if (!type.starts_with(word)) continue;
    field.is_data_loc = true;
    type = trim(type.substr(word.size()));
  }
  field.type = std::string(type) + array;
  return true;
}

}  // namespace

std::vector<FormatField> parse_tracefs_format(std::string_view text) {
  std::vector<FormatField> fields;
  each_line(text, [&](std::string_view whole) {
    const std::string_view line = trim(whole);
    constexpr std::string_view prefix = "field:";
    if (!line.starts_with(prefix)) return;
    const size_t semicolon = line.find(';');
    if (semicolon == std::string_view::npos) return;
    FormatField field;
    if (!split_declaration(trim(line.substr(prefix.size(), semicolon - prefix.size())), field)) return;
    const std::string_view items = line.substr(semicolon);
    const auto offset = item(items, "offset:"), size = item(items, "size:");
    if (!offset || !size) return;
    // __rel_loc counts from behind the word, which no access here describes.
    if (line.find("__rel_loc ") != std::string_view::npos) return;
    field.offset = *offset;
    field.size = *size;
    field.is_signed = item(items, "signed:").value_or(0) != 0;
    field.is_common = field.name.starts_with("common_");
    fields.push_back(std::move(field));
  });
  return fields;
}

}  // namespace awl
