#pragma once
#include <string_view>

namespace awl {

// Whether `text` matches `pattern`, in which `*` stands for any run of characters and nothing else is special.
// Linear in practice (no exponential backtracking).
bool glob_match(std::string_view pattern, std::string_view text);

inline bool is_glob(std::string_view pattern) { return pattern.find('*') != std::string_view::npos; }

}  // namespace awl
