#pragma once
// The kernel's BTF as types of the language, read when first asked for.
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "types/type.h"

struct btf_type;

namespace awl {

class KernelTypes {
 public:
  KernelTypes(Host& host, TypeTable& table) : host_(&host), table_(&table) {}

  Type find_structure(std::string_view name);
  Type find_enumeration(std::string_view name);
  Type find_named(std::string_view name);
  std::optional<std::pair<uint64_t, Type>> find_enumerator(std::string_view name);
  // Qualifiers and typedefs resolved; pointers carry the address space of their tag, or none.
  Type type(uint32_t id, const std::string& module);
  std::span<const Member> members(Type structure);
  std::vector<std::string_view> structure_names();

 private:
  struct Key {
    uint32_t id;
    std::string module;
    auto operator<=>(const Key&) const = default;
  };
  const btf* open(const std::string& module);
  Type find_in(const std::string& module, std::string_view name, std::initializer_list<unsigned> kinds);
  // A type of the kernel's own, else of the modules, which are read only then.
  Type find(std::string_view name, std::initializer_list<unsigned> kinds);
  Type make(const btf* b, uint32_t id, const std::string& module);
  Type make_pointer(const btf* b, uint32_t pointee, const std::string& module);
  Type make_enumeration(const btf* b, const btf_type* t, uint32_t id, const std::string& module);
  void collect(const btf* b, uint32_t id, const std::string& module, uint32_t bits, unsigned depth, std::vector<Member>& out);

  Host* host_;
  TypeTable* table_;
  std::map<std::string, const btf*> opened_;
  std::map<Key, Type> made_;
  std::unordered_map<Type, std::vector<Member>> members_;
  std::unordered_map<std::string_view, std::pair<uint64_t, uint32_t>> enumerators_;  // name -> value, enum's id
  bool enumerators_read_ = false;
  unsigned chain_ = 0, members_left_ = 0;
};

}  // namespace awl
