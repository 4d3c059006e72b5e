#include <elf.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "probes/dwarf.h"
#include "probes/linux_host.h"

namespace awl {
namespace {

struct OpenElf {
  int fd = -1;
  Elf* elf = nullptr;
  ~OpenElf() {
    if (elf) elf_end(elf);
    if (fd >= 0) close(fd);
  }
};

void read_segments(Elf* elf, ElfFacts& facts) {
  size_t count = 0;
  if (elf_getphdrnum(elf, &count) != 0) return;
  for (size_t i = 0; i < count; ++i) {
    GElf_Phdr header;
    if (!gelf_getphdr(elf, static_cast<int>(i), &header) || header.p_type != PT_LOAD) continue;
    facts.segments.push_back({header.p_vaddr, header.p_filesz, header.p_offset, (header.p_flags & PF_X) != 0});
  }
}

const ElfFacts::Segment* find_segment(const ElfFacts& facts, uint64_t address) {
  for (const ElfFacts::Segment& segment : facts.segments)
    if (segment.executable && address >= segment.address && address - segment.address < segment.size) return &segment;
  return nullptr;
}

void read_symbols(Elf* elf, Elf_Scn* section, const GElf_Shdr& header, ElfFacts& facts) {
  Elf_Data* data = elf_getdata(section, nullptr);
  if (!data) return;
  const size_t entry = gelf_fsize(elf, ELF_T_SYM, 1, EV_CURRENT);
  const size_t count = entry ? data->d_size / entry : 0;
  for (size_t i = 0; i < count; ++i) {
    GElf_Sym symbol;
    if (!gelf_getsym(data, static_cast<int>(i), &symbol)) break;
    const unsigned type = GELF_ST_TYPE(symbol.st_info);
    const bool variable = type == STT_OBJECT || type == STT_NOTYPE;
    if ((!variable && type != STT_FUNC && type != STT_GNU_IFUNC) || symbol.st_shndx == SHN_UNDEF || symbol.st_value == 0) continue;
    const char* text = elf_strptr(elf, header.sh_link, symbol.st_name);
    if (!text || !*text) continue;
    if (variable) {
      const std::string_view name = text;
      facts.variables.push_back({std::string(name.substr(0, name.find('@'))), symbol.st_value, 0, symbol.st_size});
      continue;
    }
    const ElfFacts::Segment* segment = find_segment(facts, symbol.st_value);
    if (!segment) continue;
    const std::string_view name = text;
    facts.functions.push_back({std::string(name.substr(0, name.find('@'))), symbol.st_value,
                               symbol.st_value - segment->address + segment->offset, symbol.st_size});
  }
}

// The names under which /etc/ld.so.cache knows a library, with their files. The format: a header "glibc-ld.so.cache1.1", the number of
// entries (u32 at byte 20), 24-byte entries from byte 48: i32 flags, u32 offset of the name, u32 offset of the path, then
// os version and hardware capabilities; offsets count from the header.
std::vector<std::pair<std::string, std::string>> loader_cache(const std::string& bytes) {
  constexpr std::string_view magic = "glibc-ld.so.cache1.1";
  constexpr size_t header = 48, entry = 24;
  std::vector<std::pair<std::string, std::string>> libraries;
  const size_t start = bytes.find(magic);  // an older table may stand before it
  if (start == std::string::npos || bytes.size() - start < header) return libraries;
  const std::string_view table = std::string_view(bytes).substr(start);
  const auto word = [&](size_t at) {
    uint32_t value = 0;
    std::memcpy(&value, table.data() + at, sizeof value);
    return value;
  };
  const auto text = [&](uint32_t at) -> std::string {
    if (at >= table.size()) return {};
    const std::string_view rest = table.substr(at);
    return std::string(rest.substr(0, rest.find('\0')));
  };
  const size_t count = std::min<size_t>(word(magic.size()), (table.size() - header) / entry);
  for (size_t i = 0; i < count; ++i) libraries.emplace_back(text(word(header + i * entry + 4)), text(word(header + i * entry + 8)));
  return libraries;
}

std::string real_path(const std::string& path) {
  const std::unique_ptr<char, void (*)(void*)> resolved(realpath(path.c_str(), nullptr), free);
  return resolved ? resolved.get() : path;
}

bool is_file(const std::string& path) {
  struct stat status{};
  return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

bool is_elf(const std::string& path) {
  const OpenElf file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  char magic[SELFMAG] = {};
  return file.fd >= 0 && read(file.fd, magic, sizeof magic) == SELFMAG && std::memcmp(magic, ELFMAG, SELFMAG) == 0;
}

// Paths that are mapped into a process with this file name ("libc.so.6", "libc").
bool names_library(std::string_view file, std::string_view name) {
  return file == name || (file.starts_with(name) && file.substr(name.size()).starts_with(".so"));
}

}  // namespace

Result<const ElfFacts*> LinuxHost::elf_facts(const std::string& path) {
  if (const auto found = elf_.find(path); found != elf_.end()) return &found->second;
  elf_version(EV_CURRENT);
  OpenElf file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) return fail(errno, "cannot open '{}'", path);
  file.elf = elf_begin(file.fd, ELF_C_READ_MMAP, nullptr);
  if (!file.elf || elf_kind(file.elf) != ELF_K_ELF) return fail(0, "'{}' is no ELF file", path);
  ElfFacts facts;
  read_segments(file.elf, facts);
  bool has_symbols = false;
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(file.elf, section));) {
    GElf_Shdr header;
    if (!gelf_getshdr(section, &header) || (header.sh_type != SHT_SYMTAB && header.sh_type != SHT_DYNSYM)) continue;
    has_symbols |= header.sh_type == SHT_SYMTAB;
    read_symbols(file.elf, section, header, facts);
  }
  // What was stripped off may be in a separate file.
  if (!has_symbols) {
    OpenElf separate;
    if (const std::string debug = find_debug_file(path, options_.debug_folders); !debug.empty()) separate.fd = open(debug.c_str(), O_RDONLY | O_CLOEXEC);
    if (separate.fd >= 0) separate.elf = elf_begin(separate.fd, ELF_C_READ_MMAP, nullptr);
    for (Elf_Scn* section = nullptr; separate.elf && (section = elf_nextscn(separate.elf, section));) {
      GElf_Shdr header;
      if (gelf_getshdr(section, &header) && header.sh_type == SHT_SYMTAB) read_symbols(separate.elf, section, header, facts);
    }
  }
  const auto key = [](const ElfSymbol& symbol) { return std::tie(symbol.name, symbol.address); };
  std::ranges::sort(facts.functions, {}, key);
  facts.functions.erase(std::ranges::unique(facts.functions, {}, key).begin(), facts.functions.end());
  return &elf_.emplace(path, std::move(facts)).first->second;
}

Result<std::vector<ElfSymbol>> LinuxHost::elf_functions(const std::string& path) {
  AWL_TRY(facts, elf_facts(path));
  return facts->functions;
}

Result<ElfSymbol> LinuxHost::elf_symbol(const std::string& path, const std::string& name) {
  AWL_TRY(facts, elf_facts(path));
  for (const std::vector<ElfSymbol>* symbols : {&facts->functions, &facts->variables})
    if (const auto found = std::ranges::find(*symbols, name, &ElfSymbol::name); found != symbols->end()) return *found;
  return fail(ENOENT, "'{}' has no symbol '{}'", path, name);
}

Result<std::shared_ptr<DwarfFile>> LinuxHost::debug_information(const std::string& path) {
  if (const auto found = debug_.find(path); found != debug_.end()) return found->second;
  AWL_TRY(file, DwarfFile::open(path, options_.debug_folders));
  return debug_[path] = std::move(file);
}

Result<uint64_t> LinuxHost::elf_file_offset(const std::string& path, uint64_t address) {
  AWL_TRY(facts, elf_facts(path));
  const ElfFacts::Segment* segment = find_segment(*facts, address);
  if (!segment) return fail(0, "address {:#x} is not in the code of '{}'", address, path);
  return address - segment->address + segment->offset;
}

Result<std::string> LinuxHost::find_binary(const std::string& name, std::optional<int> pid) {
  if (name.find('/') != std::string::npos) {
    if (!is_file(name)) return fail(ENOENT, "'{}' does not exist", name);
    return name;
  }
  if (pid) {
    if (const auto maps = read_file(fmt::format("/proc/{}/maps", *pid), 64 << 20)) {
      for (size_t at = 0; at < maps->size();) {
        const size_t end = std::min(maps->find('\n', at), maps->size());
        const std::string_view line = std::string_view(*maps).substr(at, end - at);
        at = end + 1;
        const size_t slash = line.find('/');
        if (slash != std::string_view::npos && names_library(line.substr(line.rfind('/') + 1), name))
          return std::string(line.substr(slash));
      }
    }
  }
  const std::string path_variable = environment("PATH").value_or("/usr/sbin:/usr/bin:/sbin:/bin");
  for (size_t at = 0; at <= path_variable.size();) {
    const size_t end = std::min(path_variable.find(':', at), path_variable.size());
    const std::string path = path_variable.substr(at, end - at) + "/" + name;
    at = end + 1;
    if (is_executable(path) && is_elf(path)) return path;
  }
  if (const auto cache = read_file("/etc/ld.so.cache", 64 << 20)) {
    std::string best;
    for (const auto& [library, path] : loader_cache(*cache)) {
      if (!names_library(library, name) || !is_file(path)) continue;
      if (library == name) return real_path(path);
      if (best.empty()) best = path;
    }
    if (!best.empty()) return real_path(best);
  }
  return fail(ENOENT, "no program or library '{}' in PATH or in the loader's cache", name);
}

}  // namespace awl
