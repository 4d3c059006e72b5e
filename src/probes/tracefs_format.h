#pragma once
// The `format` files of tracefs events.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace awl {

struct FormatField {
  std::string name;
  std::string type;  // C spelling, an array's length behind it: "unsigned int", "const char *", "char[16]", "char[]"
  uint32_t offset = 0, size = 0;
  bool is_signed = false;
  bool is_common = false;    // common_*: in every event
  bool is_data_loc = false;  // __data_loc: the field is a u32, length << 16 | offset of the bytes
};

// Fields in the file's order. Lines that are not understood are left out.
std::vector<FormatField> parse_tracefs_format(std::string_view text);

}  // namespace awl
