// Functions in debug information: finding them, and where their parameters are on entry.
#include <dwarf.h>

#include <algorithm>

#include "probes/dwarf_internal.h"

namespace awl {
namespace {

constexpr size_t parameters_at_most = 256;
constexpr unsigned nesting_limit = 16;
constexpr unsigned visits_at_most = 1000;  // a value of 16 bytes has fewer parts, unless a broken file says otherwise

// Offsets in struct pt_regs (arch/x86/include/asm/ptrace.h) by the DWARF numbers of the System V ABI: ax dx cx bx si di bp sp r8 ... r15.
constexpr std::array<uint32_t, 16> register_offsets{80, 96, 88, 40, 104, 112, 32, 152, 72, 64, 56, 48, 24, 16, 8, 0};
constexpr std::array<uint32_t, 6> argument_offsets{112, 104, 96, 88, 72, 64};  // di si dx cx r8 r9
constexpr unsigned vector_registers = 8;
constexpr uint32_t first_stack_argument = 8;  // behind the return address

// The classes of the System V ABI for x86-64, section 3.2.3; x87 values are passed in memory.
enum class Class : uint8_t { none, integer, vector, memory };

Class merge(Class a, Class b) {
  if (a == Class::memory || b == Class::memory) return Class::memory;
  if (a == Class::integer || b == Class::integer) return Class::integer;
  return std::max(a, b);
}

struct Classes {
  std::array<Class, 2> halves{Class::none, Class::none};
  uint64_t size = 0;
  uint32_t align = 8;
  bool by_reference = false;
  unsigned visited = 0;

  bool in_memory() const { return halves[0] == Class::memory || halves[1] == Class::memory; }
  unsigned count(Class c) const { return static_cast<unsigned>(std::ranges::count(halves, c)); }
  void put(uint64_t byte, Class c) {
    Class& half = halves[std::min<uint64_t>(byte / 8, 1)];
    half = merge(half, c);
  }
};

uint64_t size_of(DwarfFile::Hidden& file, DwarfTypeId id, unsigned depth = 0) {
  const DwarfType& type = file.type(id);
  if (type.kind != DwarfType::Kind::array || type.size || depth > nesting_limit) return type.size;
  uint64_t size = size_of(file, type.element, depth + 1);
  for (uint64_t count : type.counts)
    if (__builtin_mul_overflow(size, count, &size)) return ~uint64_t{0};
  return size;
}

void classify(DwarfFile::Hidden& file, DwarfTypeId id, uint64_t at, Classes& out, unsigned depth) {
  const DwarfType& type = file.type(id);
  const uint64_t size = size_of(file, id);
  if (depth > nesting_limit || ++out.visited > visits_at_most || at + size > 16) return out.put(0, Class::memory);
  switch (type.kind) {
    case DwarfType::Kind::none:
      return;
    case DwarfType::Kind::boolean:
    case DwarfType::Kind::integer:
    case DwarfType::Kind::enumeration:
    case DwarfType::Kind::pointer:
      if (size && at % size != 0) return out.put(0, Class::memory);  // packed
      out.put(at, Class::integer);
      if (size > 8) out.put(at + 8, Class::integer), out.align = 16;
      return;
    case DwarfType::Kind::floating:
      if (size > 8 && !type.name.contains("128")) {
        out.align = 16;
        return out.put(0, Class::memory);  // long double
      }
      if (size && at % size != 0) return out.put(0, Class::memory);
      return out.put(at, Class::vector);
    case DwarfType::Kind::bytes:  // pointers to members, complex numbers
      for (uint64_t byte = 0; byte < size; byte += 8) out.put(at + byte, type.name.contains("complex") ? Class::vector : Class::integer);
      return;
    case DwarfType::Kind::array: {
      if (type.is_vector) return out.put(at, Class::vector);
      const uint64_t step = size_of(file, type.element);
      for (uint64_t byte = 0; step && byte + step <= size; byte += step) classify(file, type.element, at + byte, out, depth + 1);
      return;
    }
    case DwarfType::Kind::structure:
      if (type.by_reference) out.by_reference = true;
      for (const DwarfMember& member : type.members) {
        if (member.bit_size)
          out.put(at + member.bit_offset / 8, Class::integer);
        else
          classify(file, member.type, at + member.bit_offset / 8, out, depth + 1);
      }
      return;
  }
}

Classes classes_of(DwarfFile::Hidden& file, DwarfTypeId id) {
  Classes out{.size = size_of(file, id)};
  const DwarfType& type = file.type(id);
  if (type.kind == DwarfType::Kind::array && type.is_vector) {
    out.halves[0] = Class::vector;
    out.align = out.size > 8 ? static_cast<uint32_t>(std::min<uint64_t>(out.size, 64)) : 8;
  } else if (type.kind == DwarfType::Kind::structure && type.by_reference) {
    out.by_reference = true;
  } else if (out.size > 16) {
    out.halves[0] = Class::memory;
  } else {
    classify(file, id, 0, out, 0);
  }
  if (out.by_reference) out = {.halves = {Class::integer, Class::none}, .size = 8, .by_reference = true};
  return out;
}

// Hands out registers and stack slots in the order of the parameters.
struct Assignment {
  unsigned integers = 0, vectors = 0;
  uint64_t stack = first_stack_argument;

  DwarfPlace next(const Classes& classes) {
    if (!classes.in_memory()) {
      const unsigned general = classes.count(Class::integer), vector = classes.count(Class::vector);
      if (general + vector == 0) return {.reason = "has no bytes"};
      if (integers + general <= argument_offsets.size() && vectors + vector <= vector_registers) {
        DwarfPlace place{.kind = vector ? DwarfPlace::Kind::refused : DwarfPlace::Kind::registers};
        for (unsigned i = 0; i < general; ++i) place.registers.push_back(argument_offsets[integers + i]);
        integers += general;
        vectors += vector;
        if (vector) place.registers.clear(), place.reason = "is a floating-point or vector value in a register that programs cannot read";
        return place;
      }
    }
    const uint64_t align = std::max(classes.align, 8u);
    // The stack pointer is a multiple of 16 before the call, so 8 off it behind the return address.
    stack = (stack - first_stack_argument + align - 1) / align * align + first_stack_argument;
    const uint64_t at = stack;
    stack += (classes.size + 7) / 8 * 8;
    if (stack > ~uint32_t{0}) return {.reason = "is too large"};
    return {.kind = DwarfPlace::Kind::stack, .stack_offset = static_cast<uint32_t>(at)};
  }
};

std::optional<uint32_t> register_of(const Dwarf_Op& operation) {
  uint64_t number = ~uint64_t{0};
  if (operation.atom >= DW_OP_reg0 && operation.atom <= DW_OP_reg31) number = operation.atom - DW_OP_reg0;
  if (operation.atom == DW_OP_regx) number = operation.number;
  if (number >= register_offsets.size()) return std::nullopt;
  return register_offsets[number];
}

// The registers in which the compiler says that a parameter lies at an address: one, or two pieces of eight bytes. Other locations are
// none.
std::vector<uint32_t> recorded_registers(Dwarf_Die& parameter, uint64_t address) {
  Dwarf_Attribute a;
  Dwarf_Op* operations = nullptr;
  size_t count = 0;
  if (!dwarf_attr(&parameter, DW_AT_location, &a) || dwarf_getlocation_addr(&a, address, &operations, &count, 1) != 1 || count == 0)
    return {};
  std::vector<uint32_t> out;
  for (size_t i = 0; i < count; i += 2) {  // a register, and how much of it where there are pieces
    const auto found = register_of(operations[i]);
    if (!found) return {};
    out.push_back(*found);
    if (i + 1 < count && (operations[i + 1].atom != DW_OP_piece || (i + 2 < count && operations[i + 1].number != 8))) return {};
  }
  return out.size() <= 2 ? out : std::vector<uint32_t>{};
}

// A copy of a function with other parameters than the source says.
bool is_clone(std::string_view symbol) {
  return symbol.contains(".isra.") || symbol.contains(".constprop.") || symbol.contains(".part.") || symbol.contains(".cold");
}

bool is_called(Dwarf_Die& die, std::string_view name) {
  if (die_name(die) == name) return true;
  for (unsigned attribute : {DW_AT_linkage_name, DW_AT_MIPS_linkage_name}) {
    Dwarf_Attribute a;
    const char* text = dwarf_attr_integrate(&die, attribute, &a) ? dwarf_formstring(&a) : nullptr;
    if (text && name == text) return true;
  }
  return false;
}

std::optional<uint64_t> entry_address(Dwarf_Die& die) {
  Dwarf_Addr entry = 0;
  if (dwarf_entrypc(&die, &entry) == 0 || dwarf_lowpc(&die, &entry) == 0) return entry;
  return std::nullopt;
}

// Visits the functions of a unit. `visit` returns false to stop.
bool visit_functions(Dwarf_Die& unit, const std::function<bool(Dwarf_Die&)>& visit) {
  return visit_entries(unit, [&](Dwarf_Die& child, const std::string&) { return dwarf_tag(&child) != DW_TAG_subprogram || visit(child); });
}

// The function that begins at an address. Each question reads the entries of a unit or of all; from a few questions on a table is quicker.
std::optional<Dwarf_Die> find_function_at(DwarfFile::Hidden& hidden, uint64_t address) {
  constexpr unsigned few_questions = 8;
  Dwarf* dwarf = hidden.file.dwarf;
  if (++hidden.function_questions > few_questions) {
    if (hidden.function_questions == few_questions + 1)
      visit_units(dwarf, [&](Dwarf_Die& unit) {
        return visit_functions(unit, [&](Dwarf_Die& child) {
          if (const auto entry = entry_address(child)) hidden.functions.try_emplace(*entry, child);
          return true;
        });
      });
    const auto known = hidden.functions.find(address);
    return known == hidden.functions.end() ? std::nullopt : std::optional(known->second);
  }
  std::optional<Dwarf_Die> found;
  const auto in_unit = [&](Dwarf_Die& unit) {
    return visit_functions(unit, [&](Dwarf_Die& child) {
      if (entry_address(child) == address) found = child;
      return !found;
    });
  };
  visit_units(dwarf, [&](Dwarf_Die& unit) { return dwarf_haspc(&unit, address) <= 0 || in_unit(unit); });
  if (!found) visit_units(dwarf, in_unit);
  return found;
}

std::optional<Dwarf_Die> find_function(DwarfFile::Hidden& hidden, std::string_view name, std::optional<uint64_t> address) {
  if (address) return find_function_at(hidden, *address);
  std::optional<Dwarf_Die> found;
  visit_units(hidden.file.dwarf, [&](Dwarf_Die& unit) {
    return visit_functions(unit, [&](Dwarf_Die& child) {
      Dwarf_Addr low = 0;
      if (dwarf_lowpc(&child, &low) == 0 && is_called(child, name)) found = child;
      return !found;
    });
  });
  return found;
}

std::vector<Dwarf_Die> parameters_of(Dwarf_Die function) {
  std::vector<Dwarf_Die> out;
  for (unsigned i = 0; i < nesting_limit; ++i) {
    Dwarf_Die child;
    if (dwarf_child(&function, &child) == 0) {
      do {
        if (dwarf_tag(&child) == DW_TAG_formal_parameter) out.push_back(child);
      } while (out.size() < parameters_at_most && dwarf_siblingof(&child, &child) == 0);
    }
    // The code's own entry may leave out what its declaration says.
    Dwarf_Attribute a;
    Dwarf_Die origin;
    if (!out.empty() || !(dwarf_attr(&function, DW_AT_abstract_origin, &a) || dwarf_attr(&function, DW_AT_specification, &a)) ||
        !dwarf_formref_die(&a, &origin))
      break;
    function = origin;
  }
  return out;
}

}  // namespace

void place_parameters(DwarfFile::Hidden& file, Dwarf_Die& function, std::vector<Dwarf_Die>& entries, DwarfFunction& out) {
  Assignment assignment;
  const bool own_convention = constant_of(function, DW_AT_calling_convention) == DW_CC_nocall || is_clone(out.name);
  // A result in memory: its address comes as a hidden first argument.
  if (const Classes result = classes_of(file, out.result); out.result && (result.in_memory() || result.by_reference)) ++assignment.integers;
  for (Dwarf_Die& entry : entries) {
    DwarfParameter parameter{.name = die_name(entry)};
    auto type = type_of(entry);
    parameter.type = type ? file.id_of(*type) : 0;
    const Classes classes = classes_of(file, parameter.type);
    parameter.by_reference = classes.by_reference;
    parameter.place = assignment.next(classes);
    auto recorded = recorded_registers(entry, out.address);
    if (!file.x86_64)
      parameter.place = {.reason = "belongs to a program of a machine other than x86-64"};
    else if (!recorded.empty() && recorded.size() * 8 >= classes.size)
      parameter.place = {.kind = DwarfPlace::Kind::registers, .registers = std::move(recorded)};
    else if (own_convention)
      parameter.place = {.reason = "was removed or moved when the compiler made a copy of the function"};
    if (!type) parameter.place = {.reason = "has no type in the debug information"};
    out.parameters.push_back(std::move(parameter));
  }
}

Result<DwarfFunction> DwarfFile::function(std::string_view name, std::optional<uint64_t> address) {
  auto found = find_function(*hidden_, name, address);
  if (!found)
    return fail_text(0, fmt::format("the debug information in '{}' does not describe the function '{}'", hidden_->debug_path, name),
                     "compile the source of the function with -g");
  DwarfFunction out{.name = std::string(name), .address = address.value_or(0)};
  if (!address) {
    Dwarf_Addr low = 0;
    if (dwarf_lowpc(&*found, &low) == 0) out.address = low;
  }
  if (auto result = type_of(*found)) out.result = hidden_->id_of(*result);
  std::vector<Dwarf_Die> entries = parameters_of(*found);
  place_parameters(*hidden_, *found, entries, out);
  return out;
}

}  // namespace awl
