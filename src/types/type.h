#pragma once
// Types of the language. A Type is a pointer to an immutable, interned node: equal types are equal pointers.
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "artifact/schema.h"
#include "probes/host.h"

struct btf;

namespace awl {

class CDefinitions;
struct DwarfTypeRef;
struct Constant;

using artifact::Kind;
using artifact::StackMode;

enum class AddressSpace : uint8_t { none, kernel, user, bpf };

struct TypeNode;
using Type = const TypeNode*;

struct Member {
  std::string name;
  Type type = nullptr;
  uint32_t offset = 0;                   // bytes from the start of the outermost structure asked
  uint8_t bit_offset = 0, bit_size = 0;  // bit_size 0: not a bit-field
  // For CO-RE: the names to walk from the outer structure are simply the member's own name, anonymous structures are transparent.
};

struct TypeNode {
  Kind kind = Kind::none;
  uint32_t size = 0;
  uint32_t align = 1;
  bool is_signed = false;
  Type element = nullptr;          // pointee (null: void), array element
  uint32_t count = 0;              // array elements; stack limit
  AddressSpace space = AddressSpace::none;
  std::string name;                // "task_struct" (structure, union), enum's name
  bool is_union = false;
  std::vector<Member> members;     // tuples and records at their offsets (structures: see TypeTable::members)
  std::vector<artifact::Enumerator> enumerators;
  StackMode stack_mode = StackMode::bpftrace;
  bool truncatable = false;        // string of max_strlen bytes with its NUL behind them: one that fills them may have been cut
  bool trusted = false;            // pointer that BTF programs may dereference directly
  uint32_t btf_id = 0;             // structures from BTF
  std::string module;              // "" is vmlinux
  uint32_t definition = 0;         // structures from C text or debug information (btf_id is 0, offsets are fixed): which one
  bool flavour = false;            // a structure of a script's C that describes one of the kernel's, see is_relocated
  artifact::HistogramShape histogram;
};

// Whether the offsets of a structure's members are those of the kernel where the program runs: of structures out of the kernel's BTF, and of those of a
// script's C that are named like one with a suffix behind three underscores (`struct task_struct___old`), which is how libbpf knows such local versions.
inline bool is_relocated(Type t) { return t && t->kind == artifact::Kind::structure && !t->name.empty() && (t->btf_id != 0 || t->flavour); }

inline bool is_integer(Type t) { return t && t->kind == Kind::integer; }
inline bool is_boolean(Type t) { return t && t->kind == Kind::boolean; }
inline bool is_pointer(Type t) { return t && t->kind == Kind::pointer; }
inline bool is_string(Type t) { return t && t->kind == Kind::string; }
inline bool is_structure(Type t) { return t && t->kind == Kind::structure; }
// The bytes of a value as the language counts them.
inline uint32_t shown_size(Type t) { return t->truncatable ? t->size - 1 : t->size; }
inline bool is_aggregation(Type t) { return t && t->kind >= Kind::count && t->kind <= Kind::tseries; }
// Fits a register: an integer, boolean, pointer, enumeration, or an opaque 8-byte handle (ksym, probe, username...).
bool is_scalar(Type t);

class TypeTable {
 public:
  explicit TypeTable(Host& host);
  ~TypeTable();
  TypeTable(const TypeTable&) = delete;

  Type none();
  Type boolean();
  Type integer(uint32_t size, bool is_signed);
  Type pointer(Type pointee, AddressSpace space = AddressSpace::none, bool trusted = false);
  Type array(Type element, uint32_t count);
  Type string(uint32_t size, bool truncatable = false);
  // What str() gives without a length, and `string` without a capacity (or with this one): `longest` is max_strlen.
  Type whole_string(uint32_t longest) { return string(longest + 1, true); }
  Type buffer(uint32_t capacity);
  Type tuple(std::span<const Type> elements);
  Type record(std::span<const std::pair<std::string, Type>> fields);
  // A structure that no BTF describes (a program's arguments): `fields` at their offsets.
  Type structure(std::string name, std::vector<Member> fields, uint32_t size);
  // A structure at fixed offsets that BTF does not describe (C text, debug information). Each call makes a type of its own; `fill` gives its
  // members, anonymous ones flattened, when they are first asked for: a structure may so hold pointers to itself.
  Type define_structure(std::string name, bool is_union, uint32_t size, uint32_t align, std::function<std::vector<Member>()> fill, bool flavour = false);
  Type enumeration(std::string name, uint32_t size, bool is_signed, std::vector<artifact::Enumerator> enumerators);
  Type stack(Kind kind, uint32_t limit, StackMode mode);
  // Bytes that the frames of any stack type made so far take.
  uint32_t stack_room() const { return stack_room_; }
  Type simple(Kind kind);  // ksym, usym, inet, macaddr, timestamp, username, cgroup_path, probe
  Type aggregation(Kind kind, bool is_signed, artifact::HistogramShape shape = {});

  // Makes the definitions of a script's C known (define_c in types/c_definitions.h calls it): the functions below find them first.
  void adopt(std::unique_ptr<CDefinitions> definitions);
  // A #define of the script's C or of a header that it includes.
  std::optional<Constant> find_constant(std::string_view name);

  // A kernel type by C name: "task_struct" with kind structure or enumeration, or a typedef/base name ("pid_t", "u64", "unsigned int").
  // Null if the kernel has none. Loads BTF on first use.
  Type find_structure(std::string_view name);
  Type find_enumeration(std::string_view name);
  Type find_named(std::string_view name);
  // The same past the definitions of a script's C.
  Type find_kernel_structure(std::string_view name);
  Type find_kernel_enumeration(std::string_view name);
  // Value of an enumerator of any kernel enum, with its type.
  std::optional<std::pair<uint64_t, Type>> find_enumerator(std::string_view name);
  // A type of the kernel's (or a module's) BTF, typedefs and qualifiers resolved. `space` marks pointers without a tag of their own.
  Type from_btf(uint32_t id, const std::string& module, AddressSpace space, bool trusted = false);
  // A type out of a program's debug information (see types/dwarf_types.h); `space` marks its pointers.
  Type from_dwarf(const DwarfTypeRef& ref, AddressSpace space);
  // The same pointer with an address space, where it has none, and with or without trust; other types unchanged.
  Type with_space(Type t, AddressSpace space, bool trusted = false);
  // Names of the kernel's structures, for "did you mean".
  std::vector<std::string_view> structure_names();
  // Members of a structure in order, anonymous structures and unions flattened into it. Filled on first use.
  std::span<const Member> members(Type structure) const;
  const Member* member(Type structure, std::string_view name) const;

  // What the user sees: "uint64", "string[16]", "struct task_struct *", "(int64,string[4])", "count_t".
  static std::string text(Type t);
  // The run side's view of it. Structures are laid out as in the BTF used for compiling.
  artifact::Type describe(Type t);

 private:
  friend class KernelTypes;
  Type intern(TypeNode node);
  Type enumeration(TypeNode node);
  Type kernel_structure(TypeNode node);

  struct Hidden;
  std::deque<TypeNode> nodes_;
  uint32_t stack_room_ = 0;
  std::unique_ptr<Hidden> hidden_;
};

}  // namespace awl
