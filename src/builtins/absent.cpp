#include "builtins/absent.h"

namespace awl {
namespace {

struct Absent {
  std::string_view name, instead;
};

constexpr Absent rows[] = {
    {"dw_ustack", "awl does not unwind with .eh_frame; ustack() follows frame pointers: build the program with -fno-omit-frame-pointer"},
};

}  // namespace

std::string_view instead_of_absent(std::string_view name) {
  for (const Absent& row : rows)
    if (row.name == name) return row.instead;
  return {};
}

}  // namespace awl
