#pragma once
// What processes have mapped to run, and what happens to it.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "probes/host.h"

namespace awl {

// A mapping of code: from /proc/PID/maps, or from the kernel's record of the moment when it was made.
struct Mapping {
  uint64_t start = 0, end = 0, offset = 0;
  uint64_t inode = 0;
  uint32_t major = 0, minor = 0;
  std::string path;  // as the process sees it
};
inline constexpr std::string_view vdso_path = "[vdso]";  // of the code that the kernel puts into each process

// Takes an integer off the front of a line of /proc, and the separator behind it.
uint64_t take_number(std::string_view& text, int base, char separator);

// Executable mappings in the text of /proc/PID/maps.
std::vector<Mapping> parse_maps(std::string_view text);
Result<std::vector<Mapping>> read_maps(Host& host, uint32_t pid);

// Whether a mapping is of a file that can be found by its path.
bool is_file(const Mapping& mapping);
// The path of a mapped file without the mark of one that was removed.
std::string path_of(const Mapping& mapping);

// The file behind a mapping: by its path here, by the mapping itself (also when the file was removed), and by its path in the process's mount namespace.
struct OpenMapping {
  Fd file;                   // closed: it is nowhere to be had
  std::string surroundings;  // its path here, where what belongs to it lies beside it; empty: nowhere
};
OpenMapping open_mapping(Host& host, uint32_t pid, const Mapping& mapping);

// Is told what happens to processes, in the order in which it happens.
class ProcessListener {
 public:
  virtual ~ProcessListener() = default;
  virtual void mapped(uint32_t pid, const Mapping& mapping) = 0;
  virtual void executed(uint32_t pid) = 0;
  virtual void forked(uint32_t pid, uint32_t parent) = 0;
  virtual void exited(uint32_t pid) = 0;
};

}  // namespace awl
