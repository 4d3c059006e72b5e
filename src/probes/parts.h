#pragma once
// What the parse functions of several providers share.
#include "probes/provider.h"

namespace awl {

// Whether a part holds a parameter ($1) whose value is not known yet: then it is taken as it is.
inline bool has_parameter(std::string_view part) { return part.find('$') != std::string_view::npos; }

// Checks the number of parts, and that those before the last are not empty; reports what is wrong.
bool check_part_count(const Provider& provider, std::span<const std::string> parts, size_t least, size_t most, Span span,
                      Diagnostics& diagnostics);

// A provider's function in its written form, "vfs_read+0x10".
struct FunctionOffset {
  std::string function;
  uint64_t offset = 0;
  bool has_offset = false;
};
// Splits "FN+OFF"; an offset that is not a number makes an error phrase.
std::expected<FunctionOffset, std::string> split_offset(std::string_view text);
// Brings "FN+0x10" into its normal form "FN+16", and "FN+0" into "FN"; a return probe takes no offset. Reports mistakes; false then.
bool normalise_offset(std::string& function, bool ret, Span span, Diagnostics& diagnostics);

// For Provider::list: what `match` finds, or nothing for patterns with another number of parts.
Result<> list_by_parts(const Target& pattern, size_t least, size_t most, Result<std::vector<Target>> (*match)(const Target&, Host&), Host& host, const TargetSink& sink);
// For Provider::list: targets that are all there, in any order.
Result<> list_sorted(std::vector<Target> targets, const TargetSink& sink);

// For kinds whose one part is a name of the script's choice.
std::optional<Target> parse_name(const Provider& provider, std::span<const std::string> parts, Span span, Diagnostics& diagnostics);

// Puts targets into the order of their texts, each once.
void sort_targets(std::vector<Target>& targets);

// A match of a target that needs no looking up.
Result<std::vector<Target>> match_itself(const Target& target, Host& host);

}  // namespace awl
