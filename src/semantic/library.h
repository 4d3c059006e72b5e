#pragma once
// The library in the language itself: stdlib/*.bt, which are part of the program.
#include <cstdint>
#include <span>
#include <string_view>

namespace awl {

struct LibraryFile {
  std::string_view name;  // as messages show it: "stdlib/base.bt"
  std::string_view text;
};
// Which file defines a macro; a name stands once for each such file.
struct LibraryName {
  std::string_view name;
  uint32_t file = 0;  // index into library_files()
};

// Made from stdlib/ when awl is built.
std::span<const LibraryFile> library_files();
std::span<const LibraryName> library_names();  // sorted by name

}  // namespace awl
