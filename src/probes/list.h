#pragma once
// Listing what can be probed: `awl -l` and `awl -lv`.
#include <optional>
#include <string>
#include <vector>

#include "probes/provider.h"

namespace awl {

// The probes that a search means, sorted, each once. The search is a comma separated list of patterns:
// PROVIDER:PARTS with `*` in any part (tracepoint:EVENT may leave out the subsystem), or a word that is matched against the last part of
// the probes of all kinds; an empty search means all. A kind that cannot be listed (no BTF, no tracefs) is an error only if the search names it.
// Goes through them; with an error there may have been some before.
Result<> each_probe(const std::string& search, Host& host, const TargetSink& sink);
// The same as texts. `verbose` adds the arguments, indented by four blanks, "TYPE NAME".
Result<std::vector<std::string>> list_probes(const std::string& search, bool verbose, Host& host);

// The arguments (and result) of a target as `-lv` shows them: "struct file * file", "char comm[16]". Empty where nothing is known.
std::vector<std::string> describe_arguments(const Target& target, Host& host);

// For hints: an existing target that differs from one that does not exist in one part, spelt much the same: in the last part if there is such a target.
std::optional<std::string> nearest_target(const Target& target, Host& host);

}  // namespace awl
