#include "runtime/mapped_file.h"

#include <bcc/bcc_elf.h>
#include <bcc/bcc_syms.h>
#include <cxxabi.h>
#include <elf.h>
#define HAVE_DECL_BASENAME 1  // libiberty.h declares its own otherwise
#include <libiberty/demangle.h>

#include <cstdlib>

#include "probes/dwarf.h"

namespace awl {
namespace {

int add_symbol(const char* name, uint64_t start, uint64_t size, void* table) {
  static_cast<SymbolTable*>(table)->add(name, start, size);
  return 0;
}

// Rust's names end in "17h", 16 hexadecimal digits and "E" (old form), or begin with _R.
bool is_rust(std::string_view name) {
  if (name.starts_with("_R")) return true;
  if (!name.starts_with("_ZN") || name.size() < 24 || !name.ends_with('E')) return false;
  std::string_view hash = name.substr(name.size() - 20, 19);
  return hash.starts_with("17h") && hash.substr(3).find_first_not_of("0123456789abcdef") == hash.npos;
}

}  // namespace

std::string demangled(std::string_view name) {
  if (!name.starts_with("_Z") && !name.starts_with("_R")) return std::string(name);
  std::string text(name);
  char* plain = is_rust(name) ? rust_demangle(text.c_str(), DMGL_PARAMS | DMGL_ANSI) : abi::__cxa_demangle(text.c_str(), nullptr, nullptr, nullptr);
  if (!plain) return text;
  text = plain;
  std::free(plain);
  return text;
}

std::unique_ptr<MappedFile> MappedFile::vdso() {
  auto file = std::make_unique<MappedFile>(Fd(), "");
  bcc_elf_foreach_vdso_sym(add_symbol, &file->table_);
  file->table_.finish();
  file->read_ = true;
  file->segments_.push_back({0, UINT64_MAX, 0});
  return file;
}

void MappedFile::read_symbols() {
  read_ = true;
  std::string opened = file_ ? fmt::format("/proc/self/fd/{}", file_.get()) : path_;
  auto add_segment = [](uint64_t address, uint64_t size, uint64_t offset, void* segments) {
    static_cast<std::vector<Segment>*>(segments)->push_back({address, size, offset});
    return 0;
  };
  bcc_elf_foreach_load_section(opened.c_str(), add_segment, &segments_);
  bcc_symbol_option option{.use_debug_file = 0, .check_debug_file_crc = 0, .lazy_symbolize = 0, .use_symbol_type = 1u << STT_FUNC | 1u << STT_GNU_IFUNC};
  bcc_elf_foreach_sym(opened.c_str(), add_symbol, &option, &table_);
  if (std::string debug = find_debug_file(path_.empty() ? opened : path_, {}); !debug.empty())
    bcc_elf_foreach_sym(debug.c_str(), add_symbol, &option, &table_);
  table_.finish();
}

std::string MappedFile::place(uint64_t address) {
  if (!dwarf_read_) {
    dwarf_read_ = true;
    std::string path = path_.empty() ? fmt::format("/proc/self/fd/{}", file_.get()) : path_;
    if (auto opened = DwarfFile::open(path)) dwarf_ = std::move(*opened);
  }
  if (!dwarf_) return {};
  std::optional<SourceLine> line = dwarf_->line_of_address(address);
  return line ? fmt::format("{}:{}", line->file, line->line) : std::string();
}

std::optional<SymbolName> MappedFile::find(uint64_t offset, const SymbolStyle& style) {
  auto [known, is_new] = named_.try_emplace(offset);
  if (!is_new) return known->second;
  if (!read_) read_symbols();
  for (const Segment& segment : segments_) {
    if (offset < segment.offset || offset - segment.offset >= segment.size) continue;
    uint64_t address = offset - segment.offset + segment.address;
    std::optional<SymbolTable::Found> found = table_.find(address);
    if (!found) break;
    SymbolName name{.name = style.demangle ? demangled(found->name) : std::string(found->name), .offset = found->offset};
    // What stands in a stack is the address behind a call, whose line may be another.
    if (style.lines) name.place = place(found->offset ? address - 1 : address);
    known->second = std::move(name);
    break;
  }
  return known->second;
}

}  // namespace awl
