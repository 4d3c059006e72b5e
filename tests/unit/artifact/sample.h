#pragma once
// An artifact's description with something in every table, and the smallest ELF file around one.
#include <elf.h>

#include <cstring>

#include "artifact/artifact.h"

namespace awl::artifact {

inline Type integer(uint32_t size, bool is_signed = false) { return {.kind = Kind::integer, .size = size, .is_signed = is_signed}; }
inline Type text(uint32_t size) { return {.kind = Kind::string, .size = size}; }
inline Element element(uint32_t offset, Type type, std::string name = "") {
  return {.name = std::move(name), .offset = offset, .type = {std::move(type)}};
}

inline Meta sample_meta() {
  Meta meta;
  meta.source_name = "stdin";
  meta.arch = "x86_64";
  meta.globals_size = 64;
  meta.lost_offset = 48;
  meta.programs = {{.elf_name = "tracepoint_1",
                    .provider = "tracepoint",
                    .target = {"sched", "sched_*"},
                    .probe = "tracepoint:sched:sched_*",
                    .per_target = true,
                    .place = "stdin:1:1-10"},
                   {.elf_name = "end_2", .provider = "end", .probe = "end"}};
  Type key{.kind = Kind::tuple, .size = 24, .elements = {element(0, integer(8)), element(8, text(16))}};
  meta.maps = {{.name = "@", .storage = Storage::global, .offset = 0, .set_offset = 8, .value = integer(8, true)},
               {.name = "@h",
                .elf_name = "map_h",
                .storage = Storage::percpu_hash,
                .max_entries = 4096,
                .key = {key},
                .value = {.kind = Kind::hist, .size = 8 * 66},
                .histogram = {.bits = 0, .buckets = 65}},
               {.name = "@l",
                .elf_name = "map_l",
                .storage = Storage::percpu_slot,
                .value = {.kind = Kind::lhist, .size = 8 * 12},
                .histogram = {.min = -5, .max = 95, .step = 10, .buckets = 12},
                .print_at_exit = false}};
  meta.sites = {{.action = Action::printf,
                 .text = "%s %d\n",
                 .args = {element(0, text(16)), element(16, integer(4, true))},
                 .payload = 24,
                 .line = 1,
                 .column = 9,
                 .source_line = "begin { }"},
                {.action = Action::print_map, .payload = 0, .map = 1, .top = -3, .div = 7},
                {.action = Action::runtime_error, .text = "Bad address", .payload = 8, .helper = "probe_read_user"}};
  meta.params = {{.kind = ParamKind::pid}, {.kind = ParamKind::positional_text, .index = 1, .offset = 8, .size = 64, .text = "x"}};
  meta.strings = {"%H:%M", std::string("\0\xff", 2)};
  meta.settings = {{"max_strlen", "1024"}};
  meta.sends = {{.program = 1, .packet = {0, 1, 254, 255}, .place = "stdin:1:9-28"}};
  meta.probe_names = {"end"};
  meta.needs_unsafe = true;
  return meta;
}

// Sections: .awl.meta, .symtab, .strtab (also the section names). Symbols: all that the description names.
inline Bytes sample_object(const Meta& meta, std::span<const uint8_t> description, uint16_t machine = EM_BPF,
                           std::string_view without = "") {
  std::string names("\0.awl.meta\0.symtab\0.strtab\0", 27);
  std::vector<Elf64_Sym> symbols(1);
  const auto add = [&](std::string_view name, unsigned type, uint64_t size) {
    if (name == without) return;
    Elf64_Sym symbol{};
    symbol.st_name = static_cast<uint32_t>(names.size());
    symbol.st_info = ELF64_ST_INFO(STB_GLOBAL, type);
    symbol.st_shndx = 1;
    symbol.st_size = size;
    symbols.push_back(symbol);
    names += std::string(name) + '\0';
  };
  for (const Program& program : meta.programs) add(program.elf_name, STT_FUNC, 16);
  for (const Map& map : meta.maps)
    if (!map.elf_name.empty()) add(map.elf_name, STT_OBJECT, 32);
  add(events_map, STT_OBJECT, 32);
  add(globals_symbol, STT_OBJECT, meta.globals_size);
  add(params_symbol, STT_OBJECT, 4096);
  Bytes object(sizeof(Elf64_Ehdr));
  const auto append = [&](const void* data, size_t size) {
    object.resize((object.size() + 7) & ~size_t{7});
    const size_t at = object.size();
    object.resize(at + size);
    if (size) std::memcpy(object.data() + at, data, size);
    return at;
  };
  Elf64_Shdr sections[4]{};
  sections[1] = {.sh_name = 1,
                 .sh_type = SHT_PROGBITS,
                 .sh_offset = append(description.data(), description.size()),
                 .sh_size = description.size(),
                 .sh_addralign = 1};
  sections[2] = {.sh_name = 11,
                 .sh_type = SHT_SYMTAB,
                 .sh_offset = append(symbols.data(), symbols.size() * sizeof symbols[0]),
                 .sh_size = symbols.size() * sizeof symbols[0],
                 .sh_link = 3,
                 .sh_addralign = 8,
                 .sh_entsize = sizeof symbols[0]};
  sections[3] = {
      .sh_name = 19, .sh_type = SHT_STRTAB, .sh_offset = append(names.data(), names.size()), .sh_size = names.size(), .sh_addralign = 1};
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_REL;
  header.e_machine = machine;
  header.e_version = EV_CURRENT;
  header.e_ehsize = sizeof header;
  header.e_shentsize = sizeof sections[0];
  header.e_shnum = 4;
  header.e_shstrndx = 3;
  header.e_shoff = append(sections, sizeof sections);
  std::memcpy(object.data(), &header, sizeof header);
  return object;
}

}  // namespace awl::artifact
