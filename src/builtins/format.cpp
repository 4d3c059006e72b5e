// The formats of printf and its relatives.
#include <cctype>

#include "builtins/rows.h"

namespace awl {

ParsedFormat parse_conversions(std::string_view format) {
  ParsedFormat result;
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') continue;
    ++i;
    while (i < format.size() && std::string_view("-0+# ").find(format[i]) != std::string_view::npos) ++i;
    while (i < format.size() && std::isdigit(static_cast<unsigned char>(format[i]))) ++i;
    if (i < format.size() && format[i] == '.')
      for (++i; i < format.size() && std::isdigit(static_cast<unsigned char>(format[i]));) ++i;
    while (i < format.size() && std::string_view("hljzt").find(format[i]) != std::string_view::npos) ++i;
    if (i >= format.size()) break;
    char letter = format[i];
    std::string_view rest = format.substr(i);
    if (letter == '%') continue;
    if (rest.starts_with("gr")) {
      result.conversions.push_back({'r', "g"});
      ++i;
    } else if (letter == 'r') {
      std::string_view variant = rest.substr(1, 1);
      bool known = variant == "x" || variant == "h";
      result.conversions.push_back({'r', known ? variant : std::string_view{}});
      i += known ? 1 : 0;
    } else if (std::string_view("diuxXocps").find(letter) != std::string_view::npos) {
      result.conversions.push_back({letter, {}});
    } else if (std::string_view("fFeEgGaAn*").find(letter) != std::string_view::npos) {
      result.error = fmt::format("unsupported format specifier: {}", letter);
      return result;
    }
  }
  return result;
}

}  // namespace awl
