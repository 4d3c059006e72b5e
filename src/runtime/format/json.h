#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace awl {

// Appends `text` as a JSON string: `"`, `\` and control characters escaped (\n \t \r, others \u00XX), everything else as is; bytes that
// are not UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);

// Appends an integer as a JSON number, or as a string when a double cannot hold it exactly.
void append_json_integer(std::string& out, uint64_t value, bool is_signed);

}  // namespace awl
