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
#include "probes/elf_file.h"
#include "probes/linux_host.h"

namespace awl {
namespace {

void read_segments(Elf* elf, uint64_t start, ElfFacts& facts) {
  size_t count = 0;
  if (elf_getphdrnum(elf, &count) != 0) return;
  for (size_t i = 0; i < count; ++i) {
    GElf_Phdr header;
    if (!gelf_getphdr(elf, static_cast<int>(i), &header) || header.p_type != PT_LOAD) continue;
    facts.segments.push_back({header.p_vaddr, header.p_filesz, header.p_offset + start, (header.p_flags & PF_X) != 0});
  }
}

const ElfFacts::Segment* find_segment(const ElfFacts& facts, uint64_t address, bool code = true) {
  for (const ElfFacts::Segment& segment : facts.segments)
    if ((segment.executable || !code) && address >= segment.address && address - segment.address < segment.size) return &segment;
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
    const bool variable = type == STT_OBJECT || type == STT_COMMON || type == STT_NOTYPE;
    if ((type != STT_FUNC && type != STT_GNU_IFUNC && !variable) || symbol.st_shndx == SHN_UNDEF || symbol.st_value == 0) continue;
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

// What a description ends with: strings one behind the other, and nothing else.
std::optional<std::string_view> next_string(std::string_view& rest) {
  const size_t end = rest.find('\0');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view text = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return text;
}

// A note of sys/sdt.h: addresses of the place, of .stapsdt.base and of the semaphore, then provider, name and arguments.
void read_note(std::string_view description, uint64_t base, ElfFacts& facts) {
  uint64_t words[3];
  if (description.size() < sizeof words) return;
  std::memcpy(words, description.data(), sizeof words);
  description.remove_prefix(sizeof words);
  const auto provider = next_string(description), name = next_string(description), arguments = next_string(description);
  if (!provider || !name || !arguments || provider->empty() || name->empty()) return;
  // Prelinking moves the sections and does not tell the notes.
  const uint64_t moved = base && words[1] ? base - words[1] : 0;
  UsdtNote note{.provider = std::string(*provider), .name = std::string(*name), .address = words[0] + moved, .arguments = std::string(*arguments)};
  const ElfFacts::Segment* code = find_segment(facts, note.address);
  if (!code) return;
  note.file_offset = note.address - code->address + code->offset;
  if (words[2])
    if (const ElfFacts::Segment* data = find_segment(facts, words[2] + moved, false)) note.semaphore = words[2] + moved - data->address + data->offset;
  facts.notes.push_back(std::move(note));
}

void read_notes(Elf* elf, Elf_Scn* section, uint64_t base, ElfFacts& facts) {
  constexpr uint32_t probe_note = 3;  // NT_STAPSDT
  Elf_Data* data = elf_getdata(section, nullptr);
  if (!data || gelf_getclass(elf) != ELFCLASS64) return;
  GElf_Nhdr header;
  size_t name = 0, description = 0;
  for (size_t at = 0; (at = gelf_getnote(data, at, &header, &name, &description)) > 0;) {
    const char* bytes = static_cast<const char*>(data->d_buf);
    if (header.n_type == probe_note && std::string_view(bytes + name, header.n_namesz) == std::string_view("stapsdt", 8))
      read_note({bytes + description, header.n_descsz}, base, facts);
  }
}

// "go1.19.8" -> 19, out of .go.buildinfo: a magic, the size of pointers, flags; since Go 1.18 (flag 2) the version stands at byte 32
// behind its length, before it a pointer to the string's header does.
int read_go_version(Elf_Data* data) {
  constexpr std::string_view magic = "\xff Go buildinf:";
  constexpr int before_inline_strings = 17;
  if (!data || data->d_size < 33) return 0;
  const std::string_view bytes(static_cast<const char*>(data->d_buf), data->d_size);
  if (!bytes.starts_with(magic)) return 0;
  if (!(bytes[15] & 2)) return before_inline_strings;
  constexpr std::string_view prefix = "go1.";
  std::string_view version = bytes.substr(33, static_cast<unsigned char>(bytes[32]));
  if (!version.starts_with(prefix)) return before_inline_strings;
  int minor = 0;
  for (const char c : version.substr(prefix.size())) {
    if (c < '0' || c > '9') break;
    minor = minor * 10 + (c - '0');
  }
  return minor;
}

void read_section(Elf* elf, Elf_Scn* section, const GElf_Shdr& header, ElfFacts& facts) {
  size_t names = 0;
  if (elf_getshdrstrndx(elf, &names) != 0) return;
  const char* text = elf_strptr(elf, names, header.sh_name);
  const std::string_view name = text ? text : "";
  if (name == ".go.buildinfo") facts.go_version = read_go_version(elf_getdata(section, nullptr));
  if (name != ".note.stapsdt" || header.sh_type != SHT_NOTE) return;
  uint64_t base = 0;
  for (Elf_Scn* other = nullptr; (other = elf_nextscn(elf, other));) {
    GElf_Shdr there;
    const char* other_name = gelf_getshdr(other, &there) ? elf_strptr(elf, names, there.sh_name) : nullptr;
    if (other_name && std::string_view(other_name) == ".stapsdt.base") base = there.sh_addr;
  }
  read_notes(elf, section, base, facts);
}

}  // namespace

Result<const ElfFacts*> LinuxHost::elf_facts(const std::string& path) {
  if (const auto found = elf_.find(path); found != elf_.end()) return &found->second;
  AWL_TRY(file, open_elf(path));
  ElfFacts facts;
  read_segments(file.elf, file.start, facts);
  bool has_symbols = false;
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(file.elf, section));) {
    GElf_Shdr header;
    if (!gelf_getshdr(section, &header)) continue;
    if (header.sh_type == SHT_PROGBITS) read_section(file.elf, section, header, facts);
    if (header.sh_type != SHT_SYMTAB && header.sh_type != SHT_DYNSYM) continue;
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
  const auto function = std::ranges::lower_bound(facts->functions, name, {}, &ElfSymbol::name);
  if (function != facts->functions.end() && function->name == name) return *function;
  if (const auto variable = std::ranges::find(facts->variables, name, &ElfSymbol::name); variable != facts->variables.end()) return *variable;
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

Result<std::vector<UsdtNote>> LinuxHost::usdt_notes(const std::string& path) {
  if (const auto found = notes_.find(path); found != notes_.end()) return found->second;
  // Symbols are left alone: notes are looked for in many files, and most have none.
  AWL_TRY(file, open_elf(path));
  ElfFacts facts;
  read_segments(file.elf, file.start, facts);
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(file.elf, section));) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) && header.sh_type == SHT_NOTE) read_section(file.elf, section, header, facts);
  }
  return notes_[path] = std::move(facts.notes);
}

int LinuxHost::go_version(const std::string& path) {
  const auto facts = elf_facts(path);
  return facts ? (*facts)->go_version : 0;
}

Result<std::string> LinuxHost::elf_code(const std::string& path, uint64_t file_offset, size_t size) {
  const std::string file = split_binary_path(path).file;
  const int fd = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail(errno, "cannot open '{}'", file);
  std::string bytes(size, '\0');
  const ssize_t n = pread(fd, bytes.data(), size, static_cast<off_t>(file_offset));
  const int code = errno;
  close(fd);
  if (n < 0) return fail(code, "cannot read '{}'", file);
  bytes.resize(static_cast<size_t>(n));
  return bytes;
}

}  // namespace awl
