#include "base/memory_file.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace awl {

Result<MemoryFile> MemoryFile::create(const char* name, std::span<const uint8_t> content) {
  MemoryFile file{Fd(memfd_create(name, MFD_CLOEXEC))};
  if (!file.file_) return fail(errno, "cannot make a file in memory");
  for (size_t at = 0; at < content.size();) {
    const ssize_t written = write(file.file_.get(), content.data() + at, content.size() - at);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return fail(errno, "cannot write a file in memory");
    at += static_cast<size_t>(written);
  }
  return file;
}

std::string MemoryFile::path() const { return "/proc/self/fd/" + std::to_string(file_.get()); }

Result<std::vector<uint8_t>> MemoryFile::read() const {
  struct stat status {};
  if (fstat(file_.get(), &status) != 0) return fail(errno, "cannot read a file in memory");
  std::vector<uint8_t> bytes(static_cast<size_t>(status.st_size));
  for (size_t at = 0; at < bytes.size();) {
    const ssize_t got = pread(file_.get(), bytes.data() + at, bytes.size() - at, static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return fail(got < 0 ? errno : EIO, "cannot read a file in memory");
    at += static_cast<size_t>(got);
  }
  return bytes;
}

}  // namespace awl
