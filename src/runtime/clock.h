#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace awl {

// Nanoseconds of a clock (CLOCK_BOOTTIME ...).
uint64_t clock_now(int clock);

// strftime(3) in local time of a wall clock time in nanoseconds since 1970, with %f for microseconds (6 digits).
std::string format_time(uint64_t wall_ns, std::string_view format);

// Wall clock time of a boot clock time (clock 0) or TAI time (clock 1): the offset between the clocks is taken now.
uint64_t to_wall_clock(uint64_t nanoseconds, uint32_t clock);

}  // namespace awl
