#pragma once
// What bpftrace has and awl has not.
#include <string_view>

namespace awl {

// What to do instead of calling the builtin `name`; empty for names that bpftrace has not either.
std::string_view instead_of_absent(std::string_view name);

}  // namespace awl
