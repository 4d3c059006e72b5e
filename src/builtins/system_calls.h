#pragma once
#include <cstdint>
#include <span>
#include <string_view>

namespace awl {

struct SystemCall {
  std::string_view name;
  uint32_t number = 0;
};
// The system calls of the machine awl is built for, from its <sys/syscall.h>, in no order.
extern const std::span<const SystemCall> system_calls;

}  // namespace awl
