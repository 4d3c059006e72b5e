// Opening debug information, in the binary or in a separate file.
#include <fcntl.h>
#include <gelf.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "probes/dwarf_internal.h"

namespace awl {
namespace {

namespace fs = std::filesystem;

constexpr char system_folder[] = "/usr/lib/debug";

Result<> open_elf(const std::string& path, OpenDwarf& out) {
  out.fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (out.fd < 0) return fail(errno, "cannot open '{}'", path);
  elf_version(EV_CURRENT);
  out.elf = elf_begin(out.fd, ELF_C_READ_MMAP, nullptr);
  if (!out.elf || elf_kind(out.elf) != ELF_K_ELF) return fail(0, "'{}' is not an ELF file", path);
  return {};
}

// The first section for which `wanted` is true.
template <typename Wanted>
Elf_Scn* find_section(Elf* elf, Wanted wanted) {
  size_t names = 0;
  if (elf_getshdrstrndx(elf, &names) != 0) return nullptr;
  for (Elf_Scn* section = elf_nextscn(elf, nullptr); section; section = elf_nextscn(elf, section)) {
    GElf_Shdr header;
    if (!gelf_getshdr(section, &header) || header.sh_type == SHT_NOBITS) continue;
    const char* name = elf_strptr(elf, names, header.sh_name);
    if (name && wanted(section, header, std::string_view(name))) return section;
  }
  return nullptr;
}

bool has_debug_information(Elf* elf) {
  return find_section(elf, [](Elf_Scn*, const GElf_Shdr& header, std::string_view name) {
    return (name == ".debug_info" || name == ".zdebug_info") && header.sh_size > 0;
  });
}

// In hexadecimal digits; empty when the file has none.
std::string build_id(Elf* elf) {
  std::string text;
  find_section(elf, [&](Elf_Scn* section, const GElf_Shdr& header, std::string_view) {
    Elf_Data* data = header.sh_type == SHT_NOTE ? elf_getdata(section, nullptr) : nullptr;
    GElf_Nhdr note;
    size_t at = 0, name = 0, content = 0;
    while (data && (at = gelf_getnote(data, at, &note, &name, &content)) > 0) {
      const auto* bytes = static_cast<const unsigned char*>(data->d_buf);
      if (note.n_type != NT_GNU_BUILD_ID || note.n_namesz != 4 || std::memcmp(bytes + name, "GNU", 4) != 0) continue;
      for (size_t i = 0; i < note.n_descsz && i < 64; ++i) text += fmt::format("{:02x}", bytes[content + i]);
      return true;
    }
    return false;
  });
  return text;
}

struct DebugLink {
  std::string name;
  uint32_t checksum = 0;
};

// .gnu_debuglink: a file name, zeros up to a multiple of four, a CRC-32.
DebugLink debug_link(Elf* elf) {
  Elf_Scn* section = find_section(elf, [](Elf_Scn*, const GElf_Shdr&, std::string_view name) { return name == ".gnu_debuglink"; });
  Elf_Data* data = section ? elf_rawdata(section, nullptr) : nullptr;
  if (!data || !data->d_buf || data->d_size < 8) return {};
  const std::string_view bytes(static_cast<const char*>(data->d_buf), data->d_size);
  DebugLink link{.name = std::string(bytes.substr(0, bytes.find('\0')))};
  const size_t at = (link.name.size() + 4) / 4 * 4;
  if (link.name.empty() || link.name.contains('/') || at + 4 > bytes.size()) return {};
  std::memcpy(&link.checksum, bytes.data() + at, 4);
  return link;
}

bool checksum_matches(Elf* elf, uint32_t wanted) {
  size_t size = 0;
  const char* bytes = elf_rawfile(elf, &size);
  return bytes && crc32_z(0, reinterpret_cast<const unsigned char*>(bytes), size) == wanted;
}

// Where a separate file may be, in the order of looking.
struct Candidate {
  fs::path path;
  bool by_link = false, check = false;
};

std::vector<Candidate> candidates(const std::string& binary, const std::string& id, const DebugLink& link,
                                  std::span<const std::string> folders) {
  std::error_code ignored;
  fs::path real = fs::canonical(binary, ignored);
  const fs::path folder = (real.empty() ? fs::path(binary) : real).parent_path();
  std::vector<std::pair<fs::path, bool>> roots;
  for (std::string_view written : folders) {
    const bool check = written.starts_with('+');
    const fs::path root = written.substr(check);
    roots.emplace_back(root.is_absolute() ? root : folder / root, check);
  }
  roots.emplace_back(system_folder, false);
  std::vector<Candidate> out;
  if (id.size() > 2)
    for (const auto& [root, check] : roots) out.push_back({root / ".build-id" / id.substr(0, 2) / (id.substr(2) + ".debug"), false, check});
  if (link.name.empty()) return out;
  out.push_back({folder / link.name, true, false});
  out.push_back({folder / ".debug" / link.name, true, false});
  for (const auto& [root, check] : roots) {
    out.push_back({root / folder.relative_path() / link.name, true, check});
    out.push_back({root / link.name, true, check});
  }
  return out;
}

bool belongs(const Candidate& candidate, OpenDwarf& file, const std::string& id, const DebugLink& link) {
  const std::string own = build_id(file.elf);
  if (!id.empty() && !own.empty() && own != id) return false;
  const bool identified = !id.empty() && own == id;
  if (!candidate.check && identified) return true;
  return !link.name.empty() && checksum_matches(file.elf, link.checksum);
}

}  // namespace

OpenDwarf::~OpenDwarf() {
  if (dwarf) dwarf_end(dwarf);
  if (elf) elf_end(elf);
  if (fd >= 0) close(fd);
}

std::string find_debug_file(const std::string& path, std::span<const std::string> folders) {
  OpenDwarf binary;
  if (!open_elf(path, binary)) return {};
  const std::string id = build_id(binary.elf);
  const DebugLink link = debug_link(binary.elf);
  for (const Candidate& candidate : candidates(path, id, link, folders)) {
    std::error_code ignored;
    if (!fs::exists(candidate.path, ignored) || fs::equivalent(candidate.path, path, ignored)) continue;
    OpenDwarf file;
    if (open_elf(candidate.path, file) && belongs(candidate, file, id, link)) return candidate.path;
  }
  return {};
}

Result<std::shared_ptr<DwarfFile>> DwarfFile::open(const std::string& path, std::span<const std::string> folders) {
  auto hidden = std::make_unique<Hidden>();
  hidden->path = hidden->debug_path = path;
  AWL_CHECK(open_elf(path, hidden->file));
  if (!has_debug_information(hidden->file.elf)) {
    hidden->debug_path = find_debug_file(path, folders);
    if (hidden->debug_path.empty())
      return fail_text(0, fmt::format("no debuginfo found for {}", path),
                       "compile the program with -g, install its debug package, or give the folder of its debug file with --debuginfo DIR");
    auto separate = std::make_unique<Hidden>();
    separate->path = path;
    separate->debug_path = hidden->debug_path;
    hidden = std::move(separate);
    AWL_CHECK(open_elf(hidden->debug_path, hidden->file));
  }
  GElf_Ehdr header;
  hidden->x86_64 = gelf_getehdr(hidden->file.elf, &header) && header.e_machine == EM_X86_64;
  hidden->file.dwarf = dwarf_begin_elf(hidden->file.elf, DWARF_C_READ, nullptr);
  if (!hidden->file.dwarf) {
    const char* reason = dwarf_errmsg(-1);
    return fail(0, "cannot read the debug information in '{}': {}", hidden->debug_path, reason ? reason : "unknown");
  }
  return std::make_shared<DwarfFile>(std::move(hidden));
}

DwarfFile::DwarfFile(std::unique_ptr<Hidden> hidden) : hidden_(std::move(hidden)) {}
DwarfFile::~DwarfFile() = default;
const std::string& DwarfFile::debug_path() const { return hidden_->debug_path; }
const std::string& DwarfFile::path() const { return hidden_->path; }

}  // namespace awl
