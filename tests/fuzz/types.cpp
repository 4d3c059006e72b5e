// libFuzzer: bytes that libbpf takes as BTF give types of the language, all of which can be described.
#include "types/type.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "../fake_host.h"

using namespace awl;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  libbpf_set_print(nullptr);
  btf* parsed = btf__new(data, static_cast<uint32_t>(size));
  if (!parsed) return 0;
  FakeHost host;
  host.vmlinux = parsed;
  TypeTable types(host);
  const uint32_t count = btf__type_cnt(parsed);
  for (uint32_t id = 1; id < count; ++id) {
    Type type = types.from_btf(id, "", AddressSpace::kernel);
    if (!type) continue;
    TypeTable::text(type);
    if (is_structure(type)) types.members(type);
  }
  for (std::string_view name : types.structure_names())
    if (Type found = types.find_structure(name); found && types.members(found).size() < 64) types.describe(found);
  types.find_enumerator("nosuch");
  types.find_named("nosuch");
  return 0;
}
