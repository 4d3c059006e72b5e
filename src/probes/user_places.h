#pragma once
// From targets of uprobe and uretprobe to places in files.
#include "probes/provider.h"

namespace awl {

bool is_address(std::string_view part);
// Symbols by name; the list is sorted by it.
const ElfSymbol* find_symbol(const std::vector<ElfSymbol>& symbols, std::string_view name);

struct UserPlace {
  const std::string* path = nullptr;
  MultiTarget where;
  bool ret = false;   // the kernel's probe on a function's return
  size_t match = 0;
};
// Where the code of the matches of a request is: one place each, on the returns of a Go function each of its return instructions (the kernel changes
// the address of return on the stack, which Go's runtime takes for a damaged stack when it moves it). Places within an instruction are refused unless the request is unsafe.
Result<std::vector<UserPlace>> find_user_places(const Provider::AttachRequest& request, bool ret, Host& host);

// What a program on a function's entry, or return, sees: arguments where C, or the Go compiler that made the function, leaves them.
Result<Context> user_function_context(const Target& target, bool ret, Host& host);

}  // namespace awl
