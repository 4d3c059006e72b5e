#include <elf.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>

#include "artifact/artifact.h"
#include "artifact/validate.h"
#include "base/fd.h"

namespace awl::artifact {
namespace {

struct ElfEnd {
  void operator()(Elf* elf) const { elf_end(elf); }
};
using ElfPtr = std::unique_ptr<Elf, ElfEnd>;

struct Symbol {
  unsigned type = 0;
  uint64_t size = 0;
};

std::unexpected<Error> not_awl(std::string_view why) {
  return fail_text(0, fmt::format("this is not an awl object: {}", why), "make one with `awl build SCRIPT -o OBJECT`");
}

// What an object holds, as far as the run side cares.
struct Contents {
  std::span<const uint8_t> meta;
  bool has_meta = false;
  std::map<std::string, Symbol, std::less<>> symbols;
};

// Names in a symbol table. String and symbol accesses go through libelf, which checks their bounds.
void read_symbols(Elf* elf, Elf_Scn* section, const GElf_Shdr& header, Contents& contents) {
  Elf_Data* data = elf_getdata(section, nullptr);
  if (!data || header.sh_entsize == 0) return;
  const size_t count = data->d_size / sizeof(Elf64_Sym);
  for (size_t i = 0; i < count; ++i) {
    GElf_Sym symbol;
    if (!gelf_getsym(data, static_cast<int>(i), &symbol) || symbol.st_shndx == SHN_UNDEF) continue;
    if (const char* name = elf_strptr(elf, header.sh_link, symbol.st_name); name && *name)
      contents.symbols[name] = {static_cast<uint32_t>(GELF_ST_TYPE(symbol.st_info)), symbol.st_size};
  }
}

Result<Contents> read_elf(const Bytes& object) {
  if (object.size() < sizeof(Elf64_Ehdr) || std::memcmp(object.data(), ELFMAG, SELFMAG) != 0) return not_awl("it is no ELF file");
  elf_version(EV_CURRENT);
  // libelf only reads from this memory: nothing is written back without elf_update.
  ElfPtr elf(elf_memory(reinterpret_cast<char*>(const_cast<uint8_t*>(object.data())), object.size()));
  if (!elf || elf_kind(elf.get()) != ELF_K_ELF) return not_awl("its ELF header is damaged");
  GElf_Ehdr header;
  if (!gelf_getehdr(elf.get(), &header)) return not_awl("its ELF header is damaged");
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != EM_BPF)
    return not_awl(fmt::format("its ELF machine is {}, not BPF ({})", header.e_machine, EM_BPF));
  if (header.e_ident[EI_DATA] != ELFDATA2LSB) return not_awl("it is big-endian");
  if (header.e_type != ET_REL) return not_awl("it is not a relocatable file");

  size_t names = 0;
  if (elf_getshdrstrndx(elf.get(), &names) != 0) return not_awl("its section names are damaged");
  Contents contents;
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf.get(), section));) {
    GElf_Shdr shdr;
    if (!gelf_getshdr(section, &shdr)) return not_awl("a section header is damaged");
    if (shdr.sh_type == SHT_SYMTAB) read_symbols(elf.get(), section, shdr, contents);
    const char* name = elf_strptr(elf.get(), names, shdr.sh_name);
    if (!name || meta_section != name || shdr.sh_type != SHT_PROGBITS) continue;
    if (shdr.sh_offset > object.size() || shdr.sh_size > object.size() - shdr.sh_offset)
      return not_awl("section .awl.meta lies outside of the file");
    contents.meta = std::span(object).subspan(shdr.sh_offset, shdr.sh_size);
    contents.has_meta = true;
  }
  if (!contents.has_meta) return not_awl("it has no section .awl.meta");
  return contents;
}

Result<> check_variable(const Contents& contents, std::string_view name, uint64_t size) {
  if (size == 0) return {};
  const auto found = contents.symbols.find(name);
  if (found == contents.symbols.end()) return fail(0, "the object has no variable '{}'", name);
  if (found->second.size < size)
    return fail(0, "the object's variable '{}' has {} bytes, its description needs {}", name, found->second.size, size);
  return {};
}

// Every program, map and variable that the description names is in the object.
Result<> check_names(const Contents& contents, const Meta& meta) {
  for (const Program& program : meta.programs) {
    const auto found = contents.symbols.find(program.elf_name);
    if (found == contents.symbols.end() || found->second.type != STT_FUNC)
      return fail(0, "the object has no program '{}'", program.elf_name);
  }
  for (const Map& map : meta.maps) {
    if (map.storage != Storage::global && !contents.symbols.contains(map.elf_name))
      return fail(0, "the object has no BPF map '{}'", map.elf_name);
  }
  if (std::ranges::any_of(meta.programs, &Program::uses_places) && !contents.symbols.contains(places_map)) return fail(0, "the object has no BPF map '{}'", places_map);
  if (!meta.sites.empty() && !contents.symbols.contains(events_map)) return fail(0, "the object has no BPF map '{}'", events_map);
  AWL_CHECK(check_variable(contents, globals_symbol, meta.globals_size));
  uint64_t params = 0;
  for (const Param& param : meta.params) params = std::max(params, uint64_t{param.offset} + param.size);
  return check_variable(contents, params_symbol, params);
}

}  // namespace

Result<Artifact> open(Bytes object) {
  if (object.size() > max_object_bytes) return not_awl("it is larger than 256 MiB");
  AWL_TRY(contents, read_elf(object));
  AWL_TRY(meta, decode(contents.meta));
  if (auto named = check_names(contents, meta); !named) {
    Error error = std::move(named).error();
    error.hint = "the file is damaged: build it again with `awl build`";
    return std::unexpected(std::move(error));
  }
  return Artifact{std::move(object), std::move(meta)};
}

Result<Artifact> open_file(const std::string& path) {
  // Not blocking: opening a FIFO must not wait for a writer.
  const Fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (!file) return fail(errno, "cannot open '{}'", path);
  struct stat status{};
  if (fstat(file.get(), &status) != 0) return fail(errno, "cannot look at '{}'", path);
  if (!S_ISREG(status.st_mode))
    return fail_text(0, fmt::format("cannot open '{}': it is not a regular file", path),
                     "make an object with `awl build SCRIPT -o OBJECT`");
  if (static_cast<uint64_t>(status.st_size) > max_object_bytes)
    return fail_text(0, fmt::format("cannot open '{}': it is larger than 256 MiB", path),
                     "make an object with `awl build SCRIPT -o OBJECT`");
  Bytes object(static_cast<size_t>(status.st_size));
  size_t have = 0;
  while (have < object.size()) {
    const ssize_t n = read(file.get(), object.data() + have, object.size() - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(errno, "cannot read '{}'", path);
    if (n == 0) break;
    have += static_cast<size_t>(n);
  }
  object.resize(have);
  auto opened = open(std::move(object));
  if (!opened) return std::unexpected(std::move(opened).error().context(fmt::format("cannot open '{}'", path)));
  return opened;
}

}  // namespace awl::artifact
