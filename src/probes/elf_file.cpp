#include "probes/elf_file.h"

#include <fcntl.h>
#include <gelf.h>
#include <minizip/unzip.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

namespace awl {
namespace {

// Where a member of an archive lies in the archive's file.
struct Member {
  uint64_t offset = 0, size = 0;
};

Result<Member> find_member(const BinaryPath& path) {
  const std::unique_ptr<void, int (*)(unzFile)> archive(unzOpen64(path.file.c_str()), unzClose);
  if (!archive) return fail(0, "'{}' is no ZIP archive", path.file);
  if (unzLocateFile(archive.get(), path.member.c_str(), 1) != UNZ_OK) return fail(ENOENT, "the archive '{}' has no file '{}'", path.file, path.member);
  unz_file_info64 info;
  int method = 0, level = 0;
  if (unzGetCurrentFileInfo64(archive.get(), &info, nullptr, 0, nullptr, 0, nullptr, 0) != UNZ_OK ||
      unzOpenCurrentFile2(archive.get(), &method, &level, 1) != UNZ_OK)
    return fail(0, "'{}' in the archive '{}' cannot be read", path.member, path.file);
  const uint64_t offset = unzGetCurrentFileZStreamPos64(archive.get());
  unzCloseCurrentFile(archive.get());
  if (info.compression_method != 0)
    return fail_text(0, fmt::format("'{}' is compressed in the archive '{}'", path.member, path.file), "only what is stored without compression runs out of an archive");
  return Member{offset, info.uncompressed_size};
}

Result<> open_member(OpenElf& file, const BinaryPath& path, uint64_t size) {
  AWL_TRY(member, find_member(path));
  if (member.offset > size || member.size > size - member.offset) return fail(0, "the archive '{}' is cut off", path.file);
  void* bytes = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd, 0);
  if (bytes == MAP_FAILED) return fail(errno, "cannot map '{}'", path.file);
  file.mapped = bytes;
  file.mapped_size = size;
  file.start = member.offset;
  file.elf = elf_memory(static_cast<char*>(bytes) + member.offset, member.size);
  return {};
}

// Whether everything that the headers speak of is in the file.
bool is_whole(Elf* elf, uint64_t size) {
  GElf_Ehdr header;
  if (!gelf_getehdr(elf, &header)) return false;
  size_t count = 0;
  if (elf_getphdrnum(elf, &count) != 0) return false;
  for (size_t i = 0; i < count; ++i) {
    GElf_Phdr segment;
    if (!gelf_getphdr(elf, static_cast<int>(i), &segment)) return false;
    if (segment.p_type == PT_LOAD && (segment.p_offset > size || segment.p_filesz > size - segment.p_offset)) return false;
  }
  return header.e_shoff <= size;
}

}  // namespace

OpenElf::~OpenElf() {
  if (elf) elf_end(elf);
  if (mapped) munmap(mapped, mapped_size);
  if (fd >= 0) close(fd);
}

BinaryPath split_binary_path(std::string_view path) {
  const size_t mark = path.find("!/");
  if (mark == std::string_view::npos) return {std::string(path), {}};
  return {std::string(path.substr(0, mark)), std::string(path.substr(mark + 2))};
}

Result<OpenElf> open_elf(const std::string& path) {
  elf_version(EV_CURRENT);
  const BinaryPath parts = split_binary_path(path);
  OpenElf file;
  file.fd = open(parts.file.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status{};
  if (file.fd < 0 || fstat(file.fd, &status) != 0) return fail(errno, "cannot open '{}'", parts.file);
  if (!S_ISREG(status.st_mode)) return fail(0, "'{}' is no file", parts.file);
  uint64_t size = static_cast<uint64_t>(status.st_size);
  if (!parts.member.empty()) {
    AWL_CHECK(open_member(file, parts, size));
    size -= file.start;
  } else {
    file.elf = elf_begin(file.fd, ELF_C_READ_MMAP, nullptr);
  }
  if (!file.elf || elf_kind(file.elf) != ELF_K_ELF) return fail(0, "'{}' is no ELF file", path);
  if (!is_whole(file.elf, size)) return fail_text(0, fmt::format("the ELF file '{}' is cut off or damaged", path), "its headers speak of more than there is: get a whole copy");
  return file;
}

}  // namespace awl
