#include "types/libclang.h"

#include <dlfcn.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <memory>
#include <vector>

namespace awl {
namespace {

namespace fs = std::filesystem;

// The highest numbered directory NUMBER[.x.y] in `folder` that holds include/stddef.h, or an empty path.
fs::path newest_resources(const fs::path& folder) {
  std::error_code ignored;
  std::vector<std::pair<int, fs::path>> found;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
    std::string name = entry.path().filename();
    int version = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), version).ec != std::errc{}) continue;
    if (fs::exists(entry.path() / "include/stddef.h", ignored)) found.emplace_back(version, entry.path());
  }
  return found.empty() ? fs::path{} : std::ranges::max(found).second;
}

// Clang's headers lie at lib/clang/VERSION below the prefix that LLVM is installed to: beside the library, or, where the library is linked
// from a common folder, below /usr/lib/llvm-VERSION.
std::string find_resources(const fs::path& library) {
  std::error_code ignored;
  fs::path real = fs::canonical(library, ignored);
  std::string name = real.filename();
  std::vector<fs::path> folders;
  if (size_t dash = name.find('-'); dash != name.npos) {
    std::string version = name.substr(dash + 1, name.find('.', dash) - dash - 1);
    folders.push_back("/usr/lib/llvm-" + version + "/lib/clang");
    folders.push_back("/usr/lib/llvm" + version + "/lib/clang");
    folders.push_back("/usr/lib64/llvm" + version + "/lib/clang");
  }
  for (const fs::path& from : {library.parent_path(), real.parent_path()}) {
    folders.push_back(from / "clang");
    folders.push_back(from.parent_path() / "lib/clang");
  }
  for (const fs::path& folder : folders)
    if (fs::path resources = newest_resources(folder); !resources.empty()) return resources;
  return {};
}

constexpr std::string_view names[] = {"libclang-19.so.1", "libclang-20.so.1",     "libclang-21.so.1", "libclang-22.so.1", "libclang-18.so.1",
                                      "libclang-17.so.1", "libclang.so.19.1",     "libclang.so.20.1", "libclang.so.21.1", "libclang.so.18.1",
                                      "libclang-16.so.1", "libclang-15.so.1",     "libclang.so.1",    "libclang.so"};

Result<const LibClang*> load(std::span<const std::string_view> candidates) {
  static LibClang loaded;
  for (std::string_view candidate : candidates) {
    void* library = dlopen(std::string(candidate).c_str(), RTLD_LAZY | RTLD_LOCAL);
    if (!library) continue;
#define AWL_LOAD(name)                                                                             \
  loaded.name = reinterpret_cast<decltype(loaded.name)>(dlsym(library, "clang_" #name));            \
  if (!loaded.name) return fail(0, "'{}' lacks the function clang_" #name ", it is too old", candidate);
    AWL_LIBCLANG_FUNCTIONS(AWL_LOAD)
#undef AWL_LOAD
    Dl_info where{};
    if (dladdr(reinterpret_cast<void*>(loaded.createIndex), &where) && where.dli_fname) loaded.resource_dir = find_resources(where.dli_fname);
    return &loaded;
  }
  return fail_text(0, "C definitions need libclang, which is not installed", "install the package libclang1-19 (Debian, Ubuntu), clang-libs (Fedora) or clang (Arch)");
}

}  // namespace

std::span<const std::string_view> libclang_names() { return names; }

Result<const LibClang*> load_libclang(std::span<const std::string_view> candidates) {
  static const LibClang* known = nullptr;
  if (known && candidates.data() == names) return known;
  Result<const LibClang*> result = load(candidates);
  if (result && candidates.data() == names) known = *result;
  return result;
}

std::string LibClang::text(CXString s) const {
  const char* bytes = getCString(s);
  std::string out = bytes ? bytes : "";
  disposeString(s);
  return out;
}

}  // namespace awl
