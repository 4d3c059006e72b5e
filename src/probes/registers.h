#pragma once
// Places in x86-64's struct pt_regs (arch/x86/include/asm/ptrace.h) that probes with registers share.
#include <array>

#include "probes/provider.h"

namespace awl {

inline constexpr std::array<RegisterAccess, 6> argument_registers = {{{112}, {104}, {96}, {88}, {72}, {64}}};  // di si dx cx r8 r9
inline constexpr RegisterAccess result_register{80};                                                           // ax

// What a program on a function's entry, or return, sees through registers alone.
inline Context register_context(bool ret, bool user) {
  Context context{.function = FunctionIpAccess{}, .registers = true, .user_pointers = user};
  if (ret)
    context.retval = ContextField{"retval", CSpelling{"unsigned long", 8, false}, result_register};
  else
    for (const RegisterAccess access : argument_registers) context.positional.push_back(access);
  return context;
}

}  // namespace awl
