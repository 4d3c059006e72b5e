#include "probes/user_places.h"

#include <algorithm>
#include <cctype>

#include "probes/instructions.h"
#include "probes/parts.h"
#include "probes/registers.h"

namespace awl {
namespace {

// Functions that the Go compiler made have their package in their names; those written in assembler end in ".abi0".
bool is_go_function(const std::string& path, std::string_view function, Host& host) {
  const size_t dot = function.find('.');
  if (dot == std::string_view::npos || dot == 0 || function.starts_with("_")) return false;
  return host.go_version(path) > 0;
}

// Since Go 1.17 arguments come in registers, except for functions in assembler.
bool takes_registers(const std::string& path, std::string_view function, Host& host) {
  constexpr int first_with_registers = 17;
  return !function.ends_with(".abi0") && host.go_version(path) >= first_with_registers;
}

// One binary's symbols, looked up once.
class Finder {
 public:
  Finder(const Provider::AttachRequest& request, bool ret, Host& host) : request_(&request), ret_(ret), host_(&host) {}

  Result<std::vector<UserPlace>> run() {
    for (size_t i = 0; i < request_->matches.size(); ++i) AWL_CHECK(add(i));
    return std::move(places_);
  }

 private:
  Result<> add(size_t i) {
    const Target& target = request_->matches[i];
    const std::string &path = target.parts[0], &place = target.parts.back();
    if (!path_ || *path_ != path) {
      path_ = &path;
      auto symbols = host_->elf_functions(path);
      if (!symbols) return std::unexpected(std::move(symbols).error());
      symbols_ = std::move(*symbols);
      by_address_.clear();
    }
    if (is_address(place)) return add_address(i, place);
    const auto split = split_offset(place);
    if (!split) return fail(0, "{}: {}", target.text(), split.error());
    const ElfSymbol* symbol = find_symbol(symbols_, split->function);
    if (!symbol) return fail(ENOENT, "'{}' has no function '{}'", path, split->function);
    if (split->offset != 0 && split->offset >= symbol->size)
      return fail(0, "Offset outside the function bounds ('{}' size is {})", split->function, symbol->size);
    if (split->offset != 0) AWL_CHECK(check_instruction(target, *symbol, split->offset));
    if (ret_ && is_go_function(path, split->function, *host_)) return add_returns(i, *symbol);
    push(i, symbol->file_offset + split->offset, ret_);
    return {};
  }

  Result<> add_address(size_t i, const std::string& text) {
    const auto address = parse_unsigned(text);
    if (!address) return fail(0, "{}: {}", request_->matches[i].text(), address.error());
    AWL_TRY(offset, host_->elf_file_offset(*path_, *address));
    if (const ElfSymbol* symbol = covering(*address)) AWL_CHECK(check_instruction(request_->matches[i], *symbol, *address - symbol->address));
    push(i, offset, ret_);
    return {};
  }

  // The function that an address lies in.
  const ElfSymbol* covering(uint64_t address) {
    if (by_address_.empty()) {
      for (const ElfSymbol& symbol : symbols_) by_address_.push_back(&symbol);
      std::ranges::sort(by_address_, {}, &ElfSymbol::address);
    }
    auto after = std::ranges::upper_bound(by_address_, address, {}, &ElfSymbol::address);
    while (after != by_address_.begin()) {
      const ElfSymbol* symbol = *--after;
      if (address - symbol->address < symbol->size) return symbol;
      if (symbol->size) return nullptr;
    }
    return nullptr;
  }

  // A breakpoint within an instruction would make another one of it.
  Result<> check_instruction(const Target& target, const ElfSymbol& symbol, uint64_t offset) {
    constexpr uint64_t longest = 15;
    if (request_->unsafe || offset == 0) return {};
    AWL_TRY(code, host_->elf_code(target.parts[0], symbol.file_offset, std::min(offset + longest, std::max<uint64_t>(symbol.size, offset + 1))));
    if (instruction_begins_at(code, offset)) return {};
    return fail_text(0, fmt::format("Could not add {} into middle of instruction: {}:{}+{}", target.provider->name, target.parts[0], symbol.name, offset),
                     "use the offset of an instruction's first byte; --unsafe forces the attachment, which can corrupt the traced program");
  }

  Result<> add_returns(size_t i, const ElfSymbol& symbol) {
    AWL_TRY(code, host_->elf_code(*path_, symbol.file_offset, symbol.size));
    const std::vector<uint64_t> returns = return_instructions(code);
    if (returns.empty()) return fail(0, "the Go function '{}' has no return instruction", symbol.name);
    for (const uint64_t offset : returns) push(i, symbol.file_offset + offset, false);
    return {};
  }

  void push(size_t i, uint64_t offset, bool ret) {
    const Target& target = request_->matches[i];
    places_.push_back({&target.parts[0], {.symbol = target.parts.back(), .offset = offset, .cookie = request_->cookies ? request_->first_cookie + i : 0}, ret, i});
  }

  const Provider::AttachRequest* request_;
  bool ret_;
  Host* host_;
  std::vector<UserPlace> places_;
  const std::string* path_ = nullptr;
  std::vector<ElfSymbol> symbols_;
  std::vector<const ElfSymbol*> by_address_;
};

}  // namespace

bool is_address(std::string_view part) { return !part.empty() && std::isdigit(static_cast<unsigned char>(part[0])); }

const ElfSymbol* find_symbol(const std::vector<ElfSymbol>& symbols, std::string_view name) {
  const auto found = std::ranges::lower_bound(symbols, name, {}, [](const ElfSymbol& symbol) { return std::string_view(symbol.name); });
  return found != symbols.end() && found->name == name ? &*found : nullptr;
}

Result<std::vector<UserPlace>> find_user_places(const Provider::AttachRequest& request, bool ret, Host& host) { return Finder(request, ret, host).run(); }

Result<Context> user_function_context(const Target& target, bool ret, Host& host) {
  Context context = register_context(ret, true);
  context.has_args = !ret;
  const std::string &path = target.parts[0], &function = target.parts.back();
  if (ret || is_address(function) || !is_go_function(path, function, host)) return context;
  context.positional.clear();
  if (takes_registers(path, function, host)) {
    constexpr uint32_t registers[] = {80, 40, 88, 112, 104, 72, 64, 56, 48};  // ax bx cx di si r8 r9 r10 r11
    for (const uint32_t offset : registers) context.positional.push_back(RegisterAccess{offset});
  } else {
    constexpr uint32_t words = 10;
    for (uint32_t i = 0; i < words; ++i) context.positional.push_back(StackAccess{8 + 8 * i});  // behind the address of return
  }
  return context;
}

}  // namespace awl
