#pragma once
// Listing the kernel's types: `awl -l 'struct task_st*'` and `awl -lv`.
#include <string>
#include <string_view>
#include <vector>

#include "probes/host.h"

namespace awl {

// Whether a search is about types: "struct NAME", "union NAME", "enum NAME".
bool is_type_search(std::string_view search);

// The types of the kernel and its modules that match a search with `*`, each once, sorted: "struct task_struct". With `verbose` their definitions in
// C instead, as libbpf writes them, each behind the name of the BTF that it comes from ("vmlinux: struct list_head {") and followed by an empty line.
Result<std::vector<std::string>> list_types(std::string_view search, bool verbose, Host& host);

}  // namespace awl
