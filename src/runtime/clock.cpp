#include "runtime/clock.h"

#include <fmt/format.h>

#include <ctime>
#include <vector>

namespace awl {

uint64_t clock_now(int clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

uint64_t to_wall_clock(uint64_t nanoseconds, uint32_t clock) {
  return nanoseconds + clock_now(CLOCK_REALTIME) - clock_now(clock == 1 ? CLOCK_TAI : CLOCK_BOOTTIME);
}

std::string format_time(uint64_t wall_ns, std::string_view format) {
  std::string with_micros;
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || i + 1 == format.size()) {
      with_micros += format[i];
    } else if (format[i + 1] == 'f') {
      with_micros += fmt::format("{:06}", wall_ns % 1'000'000'000 / 1000);
      ++i;
    } else {
      with_micros += format[i];
      with_micros += format[++i];
    }
  }
  if (with_micros.empty()) return {};
  time_t seconds = static_cast<time_t>(wall_ns / 1'000'000'000);
  tm parts{};
  localtime_r(&seconds, &parts);
  // strftime gives 0 both for a buffer that is too small and for an empty result: a blank behind the format tells them apart.
  with_micros += ' ';
  std::vector<char> buffer(with_micros.size() * 2 + 128);
  for (int attempt = 0; attempt < 6; ++attempt, buffer.resize(buffer.size() * 4))
    if (size_t size = strftime(buffer.data(), buffer.size(), with_micros.c_str(), &parts)) return {buffer.data(), size - 1};
  return {};
}

}  // namespace awl
