#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace awl {

// The candidate closest to a misspelt name (edit distance with transpositions, at most a third of its length), if any.
std::optional<std::string> nearest_name(std::string_view name, std::span<const std::string_view> candidates);

}  // namespace awl
