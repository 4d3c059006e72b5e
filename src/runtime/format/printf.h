#pragma once
// printf's format strings.
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "artifact/schema.h"
#include "base/result.h"
#include "runtime/format/value.h"

namespace awl {

// A piece of a format: text, then perhaps a conversion.
struct FormatPiece {
  std::string text;
  char conversion = 0;  // 0: none; 'r' with `buffer`, 'g' for %gr
  char buffer = 0;      // %r: 0, %rx: 'x', %rh: 'h'
  uint8_t bytes = 4;    // width of integers: 1 (hh), 2 (h), 4, 8 (l, ll, j, z, t)
  bool left = false, zero = false, plus = false, alternate = false;
  uint32_t width = 0;
};

// Takes a format apart. `%%` becomes text; a `%` that starts no known conversion stays text too.
std::vector<FormatPiece> compile_format(std::string_view format);

// Appends the formatted text. Arguments beyond the conversions are ignored; missing ones show nothing.
void append_format(std::string& out, std::span<const FormatPiece> pieces, std::span<const artifact::Element> args, ValueBytes payload,
                   RenderContext& context);

// The names of an allocation's GFP flags joined by '|' ("GFP_KERNEL|__GFP_ZERO"), "0" for none; bits without a name in hexadecimal.
std::string gfp_flags_text(uint64_t flags);

}  // namespace awl
