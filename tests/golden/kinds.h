#pragma once
// What a golden file can ask for.
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostics.h"

namespace golden {

struct Request {
  std::filesystem::path path;
  std::vector<std::string> options;  // behind the kind: --unsafe, or a positional parameter of the script
};

struct Kind {
  std::string_view name;
  // Compiles file `number` that far; gives the text expected in the `//=` lines.
  std::string (*run)(awl::Sources& sources, uint32_t number, awl::Diagnostics& diagnostics, const Request& request);
};

const Kind* find_kind(std::string_view name);
std::string kind_names();

}  // namespace golden
