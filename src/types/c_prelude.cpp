#include "types/c_prelude.h"

#include <bpf/btf.h>

#include <cstdarg>
#include <cstdio>
#include <memory>

namespace awl {
namespace {

constexpr unsigned named_kinds[] = {BTF_KIND_TYPEDEF, BTF_KIND_STRUCT, BTF_KIND_UNION, BTF_KIND_ENUM, BTF_KIND_ENUM64};

void print_to(void* text, const char* format, va_list arguments) {
  va_list copy;
  va_copy(copy, arguments);
  int length = std::vsnprintf(nullptr, 0, format, copy);
  va_end(copy);
  if (length <= 0) return;
  auto& out = *static_cast<std::string*>(text);
  size_t from = out.size();
  out.resize(from + static_cast<size_t>(length) + 1);
  std::vsnprintf(out.data() + from, static_cast<size_t>(length) + 1, format, arguments);
  out.pop_back();
}

}  // namespace

bool CPrelude::add(const std::set<std::string>& names) {
  Result<const btf*> kernel = host_->kernel_btf();
  if (!kernel) return false;
  bool fresh = false;
  for (const std::string& name : names) {
    for (unsigned kind : named_kinds)
      if (btf__find_by_name_kind(*kernel, name.c_str(), kind) > 0) fresh |= names_.insert(name).second;
  }
  if (!fresh) return false;
  // The whole anew: one dump object orders all of it and writes each type once.
  text_.clear();
  std::unique_ptr<btf_dump, void (*)(btf_dump*)> dump(btf_dump__new(*kernel, print_to, &text_, nullptr), btf_dump__free);
  if (!dump) return false;
  for (const std::string& name : names_) {
    for (unsigned kind : named_kinds)
      if (int id = btf__find_by_name_kind(*kernel, name.c_str(), kind); id > 0) btf_dump__dump_type(dump.get(), static_cast<uint32_t>(id));
  }
  return true;
}

}  // namespace awl
