#include "codegen/link.h"

#include <bpf/libbpf.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <memory>

#include "base/memory_file.h"

namespace awl {
namespace {

// The linker says what is wrong through libbpf's callback, which has no context argument.
thread_local std::string said;

int keep(libbpf_print_level level, const char* format, va_list arguments) {
  if (level != LIBBPF_WARN || said.size() > 65536) return 0;
  char line[2048];
  if (vsnprintf(line, sizeof line, format, arguments) > 0) said += line;
  return 0;
}

struct LinkerFree {
  void operator()(bpf_linker* linker) const { bpf_linker__free(linker); }
};

std::unexpected<Error> cannot_link(int code, std::string_view what) {
  std::string text = fmt::format("cannot link {}", what);
  while (said.ends_with('\n')) said.pop_back();
  if (!said.empty()) text += ": " + said;
  return fail_text(code, std::move(text));
}

}  // namespace

Result<artifact::Bytes> link_objects(const artifact::Bytes& script, std::span<const ImportedObject> imported) {
  said.clear();
  libbpf_print_fn_t before = libbpf_set_print(keep);
  struct Restore {
    libbpf_print_fn_t print;
    ~Restore() { libbpf_set_print(print); }
  } restore{before};
  AWL_TRY(out, MemoryFile::create("awl"));
  std::unique_ptr<bpf_linker, LinkerFree> linker(bpf_linker__new(out.path().c_str(), nullptr));
  if (!linker) return cannot_link(errno, "the script");
  auto add = [&](const artifact::Bytes& object, std::string_view what) -> Result<> {
    AWL_TRY(file, MemoryFile::create("awl", object));
    if (bpf_linker__add_file(linker.get(), file.path().c_str(), nullptr) != 0) return cannot_link(errno, what);
    return {};
  };
  AWL_CHECK(add(script, "the script"));
  for (const ImportedObject& object : imported) AWL_CHECK(add(object.bytes, fmt::format("'{}'", object.path)));
  if (bpf_linker__finalize(linker.get()) != 0) return cannot_link(errno, "the script and the C that it imports");
  return out.read();
}

}  // namespace awl
