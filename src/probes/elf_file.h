#pragma once
// An ELF file that is open for reading: a file of its own, or one that lies uncompressed in a ZIP archive ("ARCHIVE!/MEMBER").
#include <libelf.h>

#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace awl {

struct OpenElf {
  OpenElf() = default;
  OpenElf(OpenElf&& other) noexcept
      : fd(std::exchange(other.fd, -1)), elf(std::exchange(other.elf, nullptr)), mapped(std::exchange(other.mapped, nullptr)), mapped_size(other.mapped_size), start(other.start) {}
  OpenElf& operator=(OpenElf&&) = delete;
  ~OpenElf();
  int fd = -1;
  Elf* elf = nullptr;
  void* mapped = nullptr;  // the archive
  size_t mapped_size = 0;
  uint64_t start = 0;      // where the ELF file begins in the file that lies on the disk
};

// The parts of "ARCHIVE!/MEMBER"; an empty member for plain paths.
struct BinaryPath {
  std::string file, member;
};
BinaryPath split_binary_path(std::string_view path);

// Errors say what is wrong with the file: it cannot be opened, is no ELF file, is cut off, is not in its archive or compressed there.
Result<OpenElf> open_elf(const std::string& path);

}  // namespace awl
