#pragma once
// A file without a name, for libraries that read and write files only.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace awl {

class MemoryFile {
 public:
  // `name` shows up in messages of the kernel only.
  static Result<MemoryFile> create(const char* name, std::span<const uint8_t> content = {});
  // A path under which this process can open it.
  std::string path() const;
  Result<std::vector<uint8_t>> read() const;

 private:
  explicit MemoryFile(Fd file) : file_(std::move(file)) {}
  Fd file_;
};

}  // namespace awl
