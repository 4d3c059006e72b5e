#include "probes/traceable_functions.h"

#include <algorithm>

#include "base/lines.h"
#include "base/sort_texts.h"

namespace awl {
namespace {

// "ADDRESS TYPE " cut off a line of symbols; false: it is no function.
bool take_function(std::string_view& line) {
  const size_t blank = line.find(' ');
  if (blank == line.npos || line.size() < blank + 4) return false;
  const char type = line[blank + 1];
  line.remove_prefix(blank + 3);
  if (type != 't' && type != 'T' && type != 'w' && type != 'W') return false;
  // Padding in front of functions, and parts that the compiler moved out of them, are no functions.
  return !line.starts_with("__pfx_") && !line.starts_with("__cfi_") && line.find(".cold") == line.npos;
}

}  // namespace

TraceableFunction traceable_function(std::string_view line) {
  const size_t blank = line.find_first_of(" \t");
  if (blank == line.npos) return {line, {}};
  std::string_view module = line.substr(std::min(line.find_first_not_of(" \t", blank), line.size()));
  module = module.substr(0, module.find_first_of(" \t"));
  if (module.starts_with('[') && module.ends_with(']')) module = module.substr(1, module.size() - 2);
  return {line.substr(0, blank), module};
}

std::unique_ptr<const TraceableFunctions> read_traceable_functions(std::string text, FunctionList kind, std::string_view refused) {
  auto read = std::make_unique<TraceableFunctions>();
  read->text = std::move(text);
  std::vector<TraceableFunction>& functions = read->functions;
  each_line(read->text, [&](std::string_view line) {
    if (kind == FunctionList::symbols && !take_function(line)) return;
    const TraceableFunction found = traceable_function(line);
    if (!found.name.empty() && !found.name.starts_with("__ftrace_invalid_address_")) functions.push_back(found);
  });
  sort_texts(functions, [](const TraceableFunction& function) { return function.name; }, [](TraceableFunction& function) { function.several = true; });
  std::vector<std::string_view> names;  // the second word of each line
  each_line(refused, [&](std::string_view line) { names.push_back(traceable_function(line).module); });
  std::ranges::sort(names);
  std::erase_if(functions, [&](const TraceableFunction& function) { return std::ranges::binary_search(names, function.name); });
  return read;
}

}  // namespace awl
