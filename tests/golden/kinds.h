#pragma once
// What a golden file can ask for.
#include <filesystem>
#include <string>
#include <string_view>

#include "base/diagnostics.h"

namespace golden {

struct Kind {
  std::string_view name;
  // Compiles file `number` that far; gives the text expected in the `//=` lines.
  std::string (*run)(awl::Sources& sources, uint32_t number, awl::Diagnostics& diagnostics, const std::filesystem::path& path);
};

const Kind* find_kind(std::string_view name);
std::string kind_names();

}  // namespace golden
