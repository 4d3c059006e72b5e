#pragma once
// Small questions to BTF that libbpf has no function for.
#include <bpf/btf.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "probes/host.h"
#include "probes/provider.h"

namespace awl {

// Types that this program has read itself.
struct BtfFree {
  void operator()(btf* types) const { btf__free(types); }
};
using BtfPtr = std::unique_ptr<btf, BtfFree>;

// A type id without typedefs, const, volatile, restrict and type tags.
uint32_t skip_modifiers(const btf* types, uint32_t id);
// Bytes of a value; 0 if unknown.
uint32_t type_size(const btf* types, uint32_t id);

struct BtfParameter {
  std::string name;
  uint32_t type = 0;
};
struct BtfPrototype {
  std::vector<BtfParameter> parameters;
  uint32_t result = 0;  // 0: void
};
// The id of the first type with a kind (BTF_KIND_FUNC, BTF_KIND_STRUCT ...) and a name; of a split BTF only its own. 0: there is none.
// `types` belongs to the host, which keeps a table of the names once many have been asked for: libbpf looks at all types for each.
uint32_t find_named(const btf* types, const std::string& name, uint32_t kind, Host& host);
// The prototype of a function by name (kind FUNC); nothing if BTF has none, or it takes variable arguments.
std::optional<BtfPrototype> find_function(const btf* types, const std::string& name, Host& host);
// The prototype behind a typedef of a function pointer.
std::optional<BtfPrototype> find_function_pointer(const btf* types, const std::string& typedef_name, Host& host);

// Names of all types of a kind (BTF_KIND_FUNC, BTF_KIND_TYPEDEF ...) that start with `prefix` (which is cut off) and then match `pattern`.
// Of a split BTF only its own. Sorted, unique; the texts are the BTF's, which belongs to the host.
std::vector<std::string_view> names_of_kind(const btf* types, uint32_t kind, std::string_view prefix, std::string_view pattern, Host& host);

// "vmlinux" and the loaded modules that match `pattern`, with their BTF. Modules whose BTF cannot be read are left out.
struct NamedBtf {
  std::string module;  // "vmlinux" or a module's name
  const btf* types = nullptr;
};
Result<std::vector<NamedBtf>> find_btf(Host& host, std::string_view pattern);

// The module's name as BtfTypeId wants it: "" for vmlinux.
inline std::string btf_module(const std::string& module) { return module == "vmlinux" ? std::string() : module; }

}  // namespace awl
